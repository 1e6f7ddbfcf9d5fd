-- Run by the postgres image when its volume is new: the services get a role of their own, which owns their database and
-- nothing else. Their tables and the sample data they make themselves.
\getenv role DB_USER
\getenv password DB_PASSWORD
\getenv database POSTGRES_DB
select format('create role %I', :'role') where not exists (select from pg_roles where rolname = :'role') \gexec
alter role :"role" login password :'password';
alter database :"database" owner to :"role";
