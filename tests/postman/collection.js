// The Postman collection, written as a table: each line is a request, and its name says what has to come back.
// Usage: node collection.js [check]      writes cinemaabyss.json beside this file; `check` fails if it is not current
//
// A name holds what `everywhere` below checks on every answer: "→ 400" the status, "names id" that the error says which
// field, "(text)" that the body is not JSON. What is peculiar to a request is a script of its own.
"use strict";
const { readFileSync, writeFileSync } = require("fs");
const { join } = require("path");

const everywhere = `
const name = pm.info.requestName, answer = pm.response;
const status = Number(name.match(/→ (\\d{3})/)[1]), field = (name.match(/names (\\w+)/) || [])[1];
pm.test(name, () => pm.expect(answer.code, answer.text().slice(0, 200)).to.equal(status));
if (!name.includes("(text)")) pm.test("the content type is JSON", () => pm.expect(answer.headers.get("content-type")).to.match(/^application\\/json/));
if (pm.request.method === "HEAD") pm.test("HEAD has no body", () => pm.expect(answer.text()).to.equal(""));
else if (status >= 400) pm.test("the error is JSON and says nothing of the inside", () => {
  const error = answer.json().error;
  pm.expect(error).to.be.a("string").that.is.not.empty;
  pm.expect(error).not.to.match(/select |insert into|sqlx|sqlite|postgres|panicked|\\.rs:\\d|violates|constraint/i);
  if (field) pm.expect(error).to.include(field);
});
if (status === 405) pm.test("405 says what is allowed", () => pm.expect(answer.headers.get("allow")).to.match(/GET|POST/));`;

// ---- how a request is written

let base = ""; // the variable with the address of the folder at hand
const lines = (text) => text.trim().split("\n").map((line) => line.trimEnd());
const script = (listen, text) => ({ listen, script: { type: "text/javascript", exec: lines(text) } });
function ask(method, path, expected, { body, tests, before, headers, title } = {}) {
  const item = { name: `${title || `${method} ${path}`} → ${expected}`, request: { method, header: [], url: `{{${base}}}${path}` } };
  for (const [key, value] of Object.entries(headers || {})) item.request.header.push({ key, value });
  if (body !== undefined) {
    item.request.body = { mode: "raw", raw: typeof body === "string" ? body : JSON.stringify(body), options: { raw: { language: "json" } } };
  }
  const events = [];
  if (before) events.push(script("prerequest", before));
  if (tests) events.push(script("test", tests));
  if (events.length) item.event = events;
  return item;
}
const get = (path, expected, tests, more) => ask("GET", path, expected, { tests, ...more });
const post = (path, what, expected, body, tests, more) => ask("POST", path, expected, { body, tests, title: `POST ${path} ${what}`, ...more });

// A folder's own start: a word that no earlier run used, so that the same database serves again and again.
function folder(name, variable, write) {
  base = variable;
  const item = write();
  const start = script("prerequest", `pm.collectionVariables.set("run", Date.now().toString(36));`);
  item[0].event = [start, ...(item[0].event || [])];
  return { name, item };
}

// ---- what answers have to hold

const healthy = `pm.test("exactly this", () => pm.expect(pm.response.json()).to.eql({ status: true }));`;
const keep = (as, ...fields) => `
const made = pm.response.json();
pm.test("its fields are ${fields.join(", ")}", () => pm.expect(made).to.have.all.keys(${JSON.stringify(fields)}));
pm.test("its id is a positive integer", () => pm.expect(Number.isInteger(made.id) && made.id > 0).to.be.true);
pm.collectionVariables.set("${as}", JSON.stringify(made));
pm.collectionVariables.set("${as}Id", made.id);`;
const same = (as) => `pm.test("GET gives what POST answered", () => pm.expect(pm.response.json()).to.eql(JSON.parse(pm.collectionVariables.get("${as}"))));`;
const ordered = (as) => `
const list = pm.response.json(), ids = list.map((one) => one.id);
pm.test("a list, ordered by id", () => pm.expect(ids).to.eql([...ids].sort((a, b) => a - b)));
pm.test("with what was posted in it", () => pm.expect(list).to.deep.include(JSON.parse(pm.collectionVariables.get("${as}"))));`;
const empty = `pm.test("an empty list", () => pm.expect(pm.response.json()).to.eql([]));`;
const recent = `pm.test("the time is the server's, as RFC 3339", () => {
  pm.expect(made.timestamp).to.match(/^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$/);
  pm.expect(Math.abs(Date.parse(made.timestamp) - Date.now())).to.be.below(300000);
});`;
const nobody = 2147483647;
const big = `pm.variables.set("big", "x".repeat(1100000));`;

// What holds for every resource: reading by id, methods, exact paths, bodies that are not one JSON object.
const resource = (path, as, whole) => [
  get(`${path}?id={{${as}Id}}`, 200, same(as)),
  get(path, 200, ordered(as)),
  get(`${path}?id=`, 200, ordered(as)),
  get(`${path}?id=${nobody}`, 404),
  get(`${path}?id=0`, 404),
  get(`${path}?id=seven`, "400 names id"),
  get(`${path}?id=1.5`, "400 names id"),
  get(`${path}?id=99999999999999999999`, "400 names id"),
  get(`${path}/`, 404),
  ask("HEAD", path, 200),
  ask("HEAD", `${path}?id={{${as}Id}}`, 200),
  ...["PUT", "PATCH", "DELETE"].map((method) => ask(method, path, 405)),
  post(path, "no body", 400, ""),
  post(path, "null", 400, "null"),
  post(path, "a list", 400, "[]"),
  post(path, "a text", 400, '"text"'),
  post(path, "half a body", 400, '{"'),
  post(path, "text after the body", 400, `${JSON.stringify(whole)} and more`),
  post(path, "a second object after the body", 400, `${JSON.stringify(whole)}{}`),
  post(path, "over 1 MiB", 413, { ...whole, more: "{{big}}" }, undefined, { before: big }),
  ...Object.keys(whole).map((key) => post(path, `without ${key}`, `400 names ${key}`, { ...whole, [key]: undefined })),
  ...Object.keys(whole).map((key) => post(path, `${key} of another type`, `400 names ${key}`, { ...whole, [key]: { other: 1 } })),
];

// ---- the folders

function users() {
  const path = "/api/users", whole = { username: "u-{{run}}", email: "u-{{run}}@example.com" };
  const other = { username: "o-{{run}}", email: "o-{{run}}@example.com" };
  return [
    post(path, "a user", 201, whole, keep("user", "id", "username", "email")),
    ...resource(path, "user", other),
    post(path, "a username that is taken", 409, { ...other, username: whole.username }),
    post(path, "an email that is taken", 409, { ...other, email: whole.email }),
    post(path, "nothing half-written before: the other name is free", 201, other),
    post(path, "unknown fields and an id are ignored", 201, { id: 1, admin: true, username: "i-{{run}}", email: "i-{{run}}@example.com" },
      `pm.test("the id is the server's", () => pm.expect(pm.response.json().id).to.be.above(1));`),
    post(path, "as text/plain", 201, { username: "t-{{run}}", email: "t-{{run}}@example.com" }, undefined, { headers: { "content-type": "text/plain" } }),
    post(path, "a username of 100", 201, { username: `{{run}}${"я".repeat(92)}`, email: "l-{{run}}@example.com" }),
    post(path, "a username of 101", 422, { ...other, username: "x".repeat(101) }),
    post(path, "an email of 256", 422, { ...other, email: "x".repeat(256) }),
    post(path, "NUL in the username", 422, { ...other, username: "a\0b" }),
  ];
}

function movies() {
  const path = "/api/movies", whole = { title: "Film {{run}}", description: "Two \"lines\"\nand ёж 🎬", genres: ["Drama", "Sci-Fi"], rating: 8.3 };
  return [
    post(path, "a film", 201, whole, `${keep("movie", "id", "title", "description", "genres", "rating")}
pm.test("as it was sent", () => {
  pm.expect(made.description).to.equal("Two \\"lines\\"\\nand ёж 🎬");
  pm.expect([...made.genres].sort()).to.eql(["Drama", "Sci-Fi"]);
  pm.expect(made.rating).to.equal(8.3);
});`),
    ...resource(path, "movie", whole),
    post(path, "without genres in the list", 201, { ...whole, genres: [] }, `${keep("bare", "id", "title", "description", "genres", "rating")}
pm.test("genres is []", () => pm.expect(made.genres).to.eql([]));`),
    get(`${path}?id={{bareId}}`, 200, same("bare"), { title: "GET that film" }),
    post(path, "a rating with two decimals", 201, { ...whole, rating: 8.27 }, `${keep("rounded", "id", "title", "description", "genres", "rating")}
pm.test("rounded as stored", () => pm.expect(made.rating).to.equal(8.3));`),
    get(`${path}?id={{roundedId}}`, 200, same("rounded"), { title: "GET the rounded film" }),
    get(path, 200, `pm.test("every film has a list of genres", () => pm.response.json().forEach((one) => pm.expect(one.genres).to.be.an("array")));`),
    post(path, "rating 0", 201, { ...whole, rating: 0 }),
    post(path, "rating 10", 201, { ...whole, rating: 10 }),
    post(path, "rating -0.1", 422, { ...whole, rating: -0.1 }),
    post(path, "rating 10.1", 422, { ...whole, rating: 10.1 }),
    post(path, "rating as a text", "400 names rating", { ...whole, rating: "9" }),
    post(path, "genres as a text", "400 names genres", { ...whole, genres: "Drama" }),
    post(path, "genres as numbers", "400 names genres", { ...whole, genres: [1] }),
    post(path, "a genre twice", 422, { ...whole, genres: ["Drama", "Drama"] }),
    post(path, "a genre of 51", 422, { ...whole, genres: ["x".repeat(51)] }),
    post(path, "a title of 255", 201, { ...whole, title: "я".repeat(255) }),
    post(path, "a title of 256", 422, { ...whole, title: "x".repeat(256) }),
    post(path, "NUL in the title", 422, { ...whole, title: "a\0b" }),
    post(path, "NUL in the description", 422, { ...whole, description: "\0" }),
    post(path, "NUL in a genre", 422, { ...whole, genres: ["a\0"] }),
  ];
}

// {{userId}} is a number: its quotes go.
const unquoted = (items) => items.map((item) => {
  if (item.request.body) item.request.body.raw = item.request.body.raw.replace(/"(\{\{\w+Id\}\})"/g, "$1");
  return item;
});

function payments() {
  const path = "/api/payments", whole = { user_id: "{{userId}}", amount: 12.34 };
  return unquoted([
    post(path, "a payment", 201, { ...whole, timestamp: "2001-01-01T00:00:00Z", id: 1 }, `${keep("payment", "id", "user_id", "amount", "timestamp")}
pm.test("as it was sent", () => { pm.expect(made.amount).to.equal(12.34); pm.expect(made.user_id).to.equal(Number(pm.collectionVariables.get("userId"))); });
${recent}`),
    ...resource(path, "payment", whole),
    get(`${path}?user_id={{userId}}`, 200, `${ordered("payment")}
pm.test("only theirs", () => list.forEach((one) => pm.expect(one.user_id).to.equal(Number(pm.collectionVariables.get("userId")))));`),
    get(`${path}?user_id=${nobody}`, 200, empty),
    get(`${path}?user_id=me`, "400 names user_id"),
    get(`${path}?id={{paymentId}}&user_id=${nobody}`, 200, same("payment")),
    post(path, "amount 0", 201, { ...whole, amount: 0 }),
    post(path, "amount 0.1 + 0.2 as people write it", 201, { ...whole, amount: 0.3 }),
    post(path, "amount -0.01", 422, { ...whole, amount: -0.01 }),
    post(path, "amount 1.001", 422, { ...whole, amount: 1.001 }),
    post(path, "amount as a text", "400 names amount", { ...whole, amount: "12" }),
    post(path, "a user_id that does not exist", 422, { ...whole, user_id: nobody }),
    post(path, "user_id as a text", "400 names user_id", { ...whole, user_id: "seven" }),
  ]);
}

function subscriptions() {
  const path = "/api/subscriptions", start = "2031-01-01T00:00:00Z", end = "2031-02-01T10:20:30.5Z";
  const whole = { user_id: "{{userId}}", plan_type: "premium", start_date: start, end_date: end };
  return unquoted([
    post(path, "a subscription", 201, whole, `${keep("subscription", "id", "user_id", "plan_type", "start_date", "end_date")}
pm.test("the same instants, as RFC 3339", () => {
  pm.expect(Date.parse(made.start_date)).to.equal(Date.parse("${start}"));
  pm.expect(Date.parse(made.end_date)).to.equal(Date.parse("${end}"));
  pm.expect(made.start_date + made.end_date).to.match(/^(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)){2}$/);
});`),
    ...resource(path, "subscription", whole),
    get(`${path}?user_id={{userId}}`, 200, ordered("subscription")),
    get(`${path}?user_id=${nobody}`, 200, empty),
    get(`${path}?user_id=me`, "400 names user_id"),
    get(`${path}?id={{subscriptionId}}&user_id=${nobody}`, 200, same("subscription")),
    post(path, "that ends when it starts", 201, { ...whole, end_date: start }),
    post(path, "that ends before it starts", 422, { ...whole, start_date: end, end_date: start }),
    post(path, "a date that is none", "400 names start_date", { ...whole, start_date: "tomorrow" }),
    post(path, "the 30th of February", "400 names end_date", { ...whole, end_date: "2031-02-30T00:00:00Z" }),
    post(path, "a user_id that does not exist", 422, { ...whole, user_id: nobody }),
    post(path, "a plan_type of 51", 422, { ...whole, plan_type: "x".repeat(51) }),
    post(path, "NUL in the plan_type", 422, { ...whole, plan_type: "\0" }),
  ]);
}

function events() {
  const when = "2031-01-01T00:00:00Z";
  const kinds = {
    movie: { movie_id: 7, title: "Film {{run}}", action: "viewed", user_id: 3, rating: 8.5, genres: ["Drama"], description: "d" },
    user: { user_id: 7, action: "logged_in", timestamp: when, username: "u", email: "u@example.com" },
    payment: { payment_id: 7, user_id: 3, amount: 9.99, status: "completed", timestamp: when, method_type: "card" },
  };
  const required = { movie: ["movie_id", "title", "action"], user: ["user_id", "action", "timestamp"], payment: ["payment_id", "user_id", "amount", "status", "timestamp"] };
  const accepted = (kind, id) => `
const made = pm.response.json(), sent = JSON.parse(pm.request.body.raw.replace("{{run}}", pm.collectionVariables.get("run")));
pm.test("status, partition, offset and the event", () => {
  pm.expect(made).to.have.all.keys(["status", "partition", "offset", "event"]);
  pm.expect(made.status).to.equal("success");
  pm.expect(Number.isInteger(made.partition) && made.partition >= 0, "partition").to.be.true;
  pm.expect(Number.isInteger(made.offset) && made.offset >= 0, "offset").to.be.true;
});
pm.test("the event is as documented", () => {
  pm.expect(made.event).to.have.all.keys(["id", "type", "timestamp", "payload"]);
  pm.expect(made.event.id).to.equal("${id}");
  pm.expect(made.event.type).to.equal("${kind}");
  pm.expect(Date.parse(made.event.timestamp)).to.be.above(0);
  for (const key of Object.keys(sent)) pm.expect(made.event.payload[key], key).to.exist;
});`;
  const id = { movie: "movie-7-viewed", user: "user-7-logged_in", payment: "payment-7-completed" };
  return [
    get("/api/events/health", 200, healthy),
    ask("HEAD", "/api/events/health", 200),
    ...Object.keys(kinds).flatMap((kind) => {
      const path = `/api/events/${kind}`, whole = kinds[kind];
      const least = Object.fromEntries(required[kind].map((key) => [key, whole[key]]));
      return [
        post(path, "with every field", 201, whole, `${accepted(kind, id[kind])}\npm.collectionVariables.set("place", JSON.stringify(made));`),
        post(path, "with the required fields", 201, least, `${accepted(kind, id[kind])}
pm.test("the same entity: the same partition, a later offset", () => {
  const first = JSON.parse(pm.collectionVariables.get("place"));
  pm.expect(made.partition).to.equal(first.partition);
  pm.expect(made.offset).to.be.above(first.offset);
});`),
        post(path, "no body", 400, ""),
        post(path, "null", 400, "null"),
        post(path, "a list", 400, "[]"),
        post(path, "text after the body", 400, `${JSON.stringify(least)} and more`),
        post(path, "over 1 MiB", 413, { ...whole, more: "{{big}}" }, undefined, { before: big }),
        ...required[kind].map((key) => post(path, `without ${key}`, `400 names ${key}`, { ...least, [key]: undefined })),
        ...Object.keys(whole).map((key) => post(path, `${key} of another type`, `400 names ${key}`, { ...whole, [key]: { other: 1 } })),
        ...["GET", "PUT", "DELETE"].map((method) => ask(method, path, 405)),
        get(`${path}/`, 404),
      ];
    }),
    post("/api/events/nothing", "", 404, {}),
  ];
}

function gateway() {
  const from = (...names) => `pm.test("answered by ${names.join(" or ")}", () => pm.expect(pm.response.headers.get("x-served-by")).to.be.oneOf(${JSON.stringify(names)}));
pm.test("by a numbered table", () => pm.expect(Number(pm.response.headers.get("x-table-generation"))).to.be.at.least(1));`;
  const split = from("movies", "monolith"), film = { title: "Split {{run}}", description: "", genres: ["Drama"], rating: 5 };
  const echoed = `const id = pm.response.headers.get("x-request-id");`;
  return [
    get("/health", "200 (text)", `pm.test("exactly this", () => pm.expect(pm.response.text()).to.equal("Strangler Fig Proxy is healthy"));
pm.test("as text", () => pm.expect(pm.response.headers.get("content-type")).to.match(/^text\\/plain/));`),
    get("/api/movies/health", 200, `${healthy}\n${from("movies")}`),
    get("/api/movies", 200, `${split}\npm.test("films", () => pm.expect(pm.response.json()).to.be.an("array"));`),
    ask("HEAD", "/api/movies", 200, { tests: split }),
    post("/api/movies", "a film, to either side", 201, film, `${split}\n${keep("movie", "id", "title", "description", "genres", "rating")}`),
    ...[1, 2, 3, 4].map((n) => get(`/api/movies?id={{movieId}}`, 200, `${split}\n${same("movie")}`, { title: `GET that film, time ${n}: both sides share one store` })),
    get("/api/movies?id={{movieId}}", 200, `${split}\npm.collectionVariables.set("side", pm.response.headers.get("x-served-by"));`, { headers: { "x-user-id": "{{run}}" }, title: "GET as one user" }),
    get("/api/movies?id={{movieId}}", 200, `pm.test("the same upstream", () => pm.expect(pm.response.headers.get("x-served-by")).to.equal(pm.collectionVariables.get("side")));`,
      { headers: { "x-user-id": "{{run}}" }, title: "GET as the same user again" }),
    get("/api/movies?id=seven", "400 names id", split),
    get(`/api/movies?id=${nobody}`, 404, split),
    ask("DELETE", "/api/movies", 405, { tests: split }),
    post("/api/movies", "over 1 MiB", 413, { ...film, description: "{{big}}" }, undefined, { before: big }),
    get("/api/moviesX", 404, from("monolith"), { title: "GET /api/moviesX: segments, not prefixes" }),
    post("/api/users", "a user", 201, { username: "g-{{run}}", email: "g-{{run}}@example.com" }, `${from("monolith")}\n${keep("user", "id", "username", "email")}`),
    get("/api/users?id={{userId}}", 200, `${from("monolith")}\n${same("user")}`),
    ...unquoted([
      post("/api/payments", "a payment", 201, { user_id: "{{userId}}", amount: 1 }, from("monolith")),
      post("/api/subscriptions", "a subscription", 201, { user_id: "{{userId}}", plan_type: "basic", start_date: "2031-01-01T00:00:00Z", end_date: "2031-01-01T00:00:00Z" }, from("monolith")),
    ]),
    get("/api/payments?user_id={{userId}}", 200, from("monolith")),
    get("/api/subscriptions?user_id={{userId}}", 200, from("monolith")),
    get("/api/events/health", 200, `${healthy}\n${from("events")}`),
    post("/api/events/movie", "an event", 201, { movie_id: 1, title: "t", action: "viewed" }, from("events")),
    get("/api/events/movie", 405, from("events")),
    get("/nothing/here", 404, from("monolith")),
    get("/api/users/", 404, from("monolith")),
    get("/api/users", 200, `${echoed}\npm.test("the request id comes back", () => pm.expect(id).to.equal("film-{{run}}".replace("{{run}}", pm.collectionVariables.get("run"))));`,
      { headers: { "x-request-id": "film-{{run}}" }, title: "GET with a request id" }),
    get("/api/users", 200, `${echoed}\npm.test("one is made", () => pm.expect(id).to.match(/^[!-~]{8,128}$/));`, { title: "GET without a request id" }),
    get("/api/users", 200, `${echoed}\npm.test("one is made", () => pm.expect(id).to.match(/^[!-~]{8,128}$/).and.not.equal("${"x".repeat(129)}"));`,
      { headers: { "x-request-id": "x".repeat(129) }, title: "GET with a request id of 129" }),
  ];
}

const health = () => [get("/health", 200, healthy), ask("HEAD", "/health", 200), ask("POST", "/health", 405), get("/nothing/here", 404)];
const collection = {
  info: {
    name: "CinemaAbyss",
    description: "Every endpoint of the system and its errors. Runs as it is against `make run`; written by collection.js.",
    schema: "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
  },
  item: [
    folder("monolith", "monolithUrl", () => [...health(), ...users(), ...movies(), ...payments(), ...subscriptions()]),
    folder("movies", "moviesUrl", () => [get("/api/movies/health", 200, healthy), ...health(), ...movies(), get("/api/users", 404)]),
    folder("events", "eventsUrl", events),
    folder("gateway", "gatewayUrl", gateway),
  ],
  event: [script("test", everywhere)],
  variable: [["gatewayUrl", 8000], ["monolithUrl", 8080], ["moviesUrl", 8081], ["eventsUrl", 8082]].map(([key, port]) => ({ key, value: `http://127.0.0.1:${port}` })),
};

const file = join(__dirname, "cinemaabyss.json"), text = `${JSON.stringify(collection, null, 1)}\n`;
if (process.argv[2] !== "check") writeFileSync(file, text);
else if (readFileSync(file, "utf8") !== text) {
  console.error("tests/postman/cinemaabyss.json is not what collection.js writes: run `node tests/postman/collection.js`");
  process.exit(1);
}
