-- Sample data for a first start: the same statements on both databases, on empty tables, so the ids count from 1.
insert into users (username, email, password_hash) values
    ('ada', 'ada@cinema.example', ''),
    ('grigori', 'grigori@cinema.example', ''),
    ('mei', 'mei@cinema.example', ''),
    ('tomas', 'tomas@cinema.example', '');
insert into movies (title, description, rating, release_date, duration) values
    ('The Lighthouse Keeper''s Atlas', 'A keeper charts a coast that moves every night.', 8.4, '2019-03-08', 112),
    ('Platform Nine, After Rain', 'Two strangers miss the same last train, a year apart.', 7.6, '2021-10-15', 98),
    ('Cold Orbit', 'The crew of a repair ship answers a call from its own future.', 8.9, '2023-06-02', 134),
    ('A Recipe for Thunder', 'A village baker enters a contest against the weather.', 6.8, '2018-11-23', 91),
    ('The Quiet Ledger', 'An accountant finds a line in the books that nobody wrote.', 7.9, '2022-02-11', 121),
    ('Paper Wolves', 'Folded animals come to life in a town without children.', 8.1, '2020-07-17', 87),
    ('Seven Bridges North', 'A convoy crosses a country that is being taken apart.', 7.3, '2017-09-29', 142),
    ('Understudy', 'An actress who was never on stage learns every part.', 7.0, '2024-04-19', 105),
    ('The Abyss Looks Back', 'Divers find a cinema at the bottom of a lake.', 9.1, '2025-01-24', 127),
    ('Untitled Reel', '', 5.5, '2016-05-06', 64);
insert into movie_genres (movie_id, genre) values
    (1, 'Drama'), (1, 'Mystery'),
    (2, 'Drama'), (2, 'Romance'),
    (3, 'Sci-Fi'), (3, 'Thriller'),
    (4, 'Comedy'),
    (5, 'Mystery'), (5, 'Thriller'),
    (6, 'Animation'), (6, 'Fantasy'),
    (7, 'Adventure'), (7, 'Drama'),
    (8, 'Drama'),
    (9, 'Fantasy'), (9, 'Horror'), (9, 'Mystery');
insert into payments (user_id, amount, timestamp, payment_method, transaction_id) values
    (1, 9.99, '2026-01-05T10:15:00Z', 'card', 'sample-1'),
    (1, 4.50, '2026-01-19T18:40:00Z', 'card', 'sample-2'),
    (2, 14.99, '2026-02-02T08:05:30Z', 'transfer', 'sample-3'),
    (3, 99.90, '2026-02-14T21:30:00Z', 'card', 'sample-4');
insert into subscriptions (user_id, plan_type, start_date, end_date) values
    (1, 'basic', '2026-01-05T00:00:00Z', '2026-02-05T00:00:00Z'),
    (2, 'premium', '2026-02-02T00:00:00Z', '2026-03-02T00:00:00Z'),
    (3, 'yearly', '2026-02-14T00:00:00Z', '2027-02-14T00:00:00Z');
