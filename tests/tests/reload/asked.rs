//! Looks out of turn (SIGHUP, `POST /reload`), and files that are bad at the start.

use serde_json::Value;
use tests::folder::Folder;
use tests::gateway::{Gateway, Setup};
use tests::http;
use tests::process::Process;

use crate::Sides;

#[test]
fn sighup_makes_the_gateway_look() {
    let sides = Sides::new();
    let mut gateway = Setup::of(sides.file(0)).start();
    let looked = |line: &Value| line["message"].as_str().is_some_and(|message| message.contains("SIGHUP"));
    gateway.process.signal("HUP");
    gateway.process.line("that it looked", looked);
    assert_eq!(gateway.generation(), 1);
    gateway.save(&sides.file(100));
    gateway.process.signal("HUP");
    tests::until("it looked again", || (gateway.process.lines().into_iter().filter(looked).count() == 2).then_some(()));
    assert_eq!((gateway.generation(), gateway.get("/").text().as_str()), (2, "movies"));
    assert!(!gateway.process.has_ended());
}

#[test]
fn post_reload_answers_when_the_edit_has_been_judged() {
    let sides = Sides::new();
    let gateway = Setup::of(sides.file(0)).start();
    let reload = || http::request(gateway.admin, "POST", "/reload", &[], b"");
    let answer = reload();
    assert_eq!((answer.status, answer.json()["result"].as_str()), (200, Some("unchanged")));
    for round in 1..=5 {
        gateway.save(&(sides.file(100) + &"#\n".repeat(round)));
        let answer = reload();
        // By the time of the answer it is in force, whoever looked first.
        assert_eq!((answer.status, answer.json()["generation"].as_u64()), (200, Some(round as u64 + 1)), "{answer:?}");
        assert_eq!(gateway.get("/").text(), "movies");
    }
    gateway.save("routes: []\n");
    let answer = reload();
    assert_eq!((answer.status, answer.json()["result"].as_str()), (422, Some("rejected")));
    assert!(
        answer.json()["problems"].as_str().is_some_and(|text| text.contains("routes.yaml:1:")),
        "{}",
        answer.text()
    );
    assert_eq!((gateway.generation(), http::get(gateway.admin, "/reload").status), (6, 405));
    assert_eq!(gateway.get("/reload").header("x-served-by"), Some("movies"), "the public port knows no /reload");
}

const BAD: &str = "routes:
  - { name: films, path: /films, too: movies }
  - { name: users, path: users, to: movies }
";

#[test]
fn a_bad_file_at_the_start_is_an_exit_with_2_and_the_text_of_gateway_check() {
    let (mut run, folder) = Setup::of(BAD).spawn();
    assert_eq!(run.ended().code(), Some(2));
    let mut check = Process::command("gateway", folder.path(), &[], &["check", "routes.yaml"]);
    assert_eq!(check.ended().code(), Some(2));
    let (run, check) = (run.text(), check.text());
    assert!(check.contains("routes.yaml:2:") && check.contains("routes.yaml:3:"), "{check}");
    let problems = check.rsplit_once("\nroutes.yaml: refused").map_or(check.as_str(), |(problems, _)| problems);
    assert_eq!(run.trim(), problems.trim());

    let missing = Folder::new();
    let mut run = Setup::of("").spawn_in(&missing);
    assert_eq!(run.ended().code(), Some(2));
    assert!(run.text().contains("routes.yaml"), "{}", run.text());
}

#[test]
fn with_wait_for_valid_a_bad_file_at_the_start_is_waited_for() {
    let sides = Sides::new();
    let (mut process, folder) = Setup::of(BAD).arg("--wait-for-valid").spawn();
    process.line("that it waits", |line| {
        line["message"]
            .as_str()
            .is_some_and(|message| message.contains("waiting") && message.contains("routes.yaml:2:"))
    });
    std::fs::write(folder.path().join("routes.yaml"), sides.file(100)).expect("the file can be written");
    let gateway = Gateway::of(process, folder);
    assert_eq!((gateway.get("/").text().as_str(), gateway.generation()), ("movies", 1));
    gateway.edit(&sides.file(0));
    assert_eq!(gateway.get("/").text(), "monolith");
}
