//! The command `gateway`: what it prints, what it exits with, what it reads from its environment.

use tests::folder::Folder;
use tests::gateway::{Gateway, Setup, file};
use tests::process::Process;

/// Runs it in a folder to its end: the exit status and what it wrote.
fn run(folder: &Folder, environment: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let mut process = Process::command("gateway", folder.path(), environment, arguments);
    (process.ended().code(), process.text())
}

fn write(folder: &Folder, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).expect("a file can be written");
}

const GOOD: &str = "upstreams: { films: \"http://127.0.0.1:1\" }\nroutes: [{ name: all, path: /, to: films }]\n";

#[test]
fn check_praises_good_files_and_explains_bad_ones() {
    let folder = Folder::new();
    write(&folder, "good.yaml", GOOD);
    write(&folder, "bad.yaml", &GOOD.replace("path", "pth").replace("to: films", "to: film"));
    let (status, said) = run(&folder, &[], &["check", "good.yaml"]);
    assert_eq!(status, Some(0));
    assert!(said.starts_with("good.yaml: ok, 1 route, 1 upstream"), "{said}");
    let (status, said) = run(&folder, &[], &["check", "bad.yaml", "good.yaml", "missing.yaml"]);
    assert_eq!(status, Some(2));
    for part in ["bad.yaml:2:", "`pth`", "`path`", "`film`", "`films`", "good.yaml: ok", "missing.yaml can't be read"] {
        assert!(said.contains(part), "nothing of {part} in\n{said}");
    }
    assert!(said.contains("routes: [{ name: all, pth: /, to: film }]"), "the line itself is shown:\n{said}");
}

#[test]
fn check_names_the_variables_that_pin_a_setting() {
    let (folder, shipped) = (Folder::new(), concat!(env!("CARGO_MANIFEST_DIR"), "/../routes.yaml"));
    let (status, said) = run(&folder, &[("MOVIES_MIGRATION_PERCENT", "80")], &["check", shipped]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("MOVIES_MIGRATION_PERCENT"), "{said}");
    for percent in ["101", "-1", "half", "12.345"] {
        let (status, said) = run(&folder, &[("MOVIES_MIGRATION_PERCENT", percent)], &["check", shipped]);
        assert_eq!(status, Some(2), "{percent}");
        assert!(said.contains("MOVIES_MIGRATION_PERCENT") && said.contains(percent), "{said}");
    }
}

#[test]
fn the_schema_is_the_one_in_docs() {
    let (status, said) = run(&Folder::new(), &[], &["schema"]);
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/routes.schema.json");
    let docs = std::fs::read_to_string(docs).expect("docs/routes.schema.json is there");
    assert_eq!(status, Some(0));
    assert_eq!(said.trim(), docs.trim());
}

#[test]
fn export_writes_what_is_in_force_and_import_reads_it_back() {
    let folder = Folder::new();
    let environment = [("MONOLITH_URL", "http://monolith:8080"), ("MOVIES_SERVICE_URL", "http://movies-service:8081")];
    let environment =
        [&environment[..], &[("MOVIES_MIGRATION_PERCENT", "20"), ("EVENTS_SERVICE_URL", "http://events-service:8082")]]
            .concat();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../routes.yaml");
    let (status, service) =
        run(&folder, &environment, &["export", "--to", "virtualservice", "--host", "a.test", shipped]);
    assert_eq!(status, Some(0), "{service}");
    for part in [
        "host: movies-service\n",
        "weight: 20\n",
        "- a.test\n",
        "# - route `movies`: `sticky`",
        "pinned by MOVIES_MIGRATION_PERCENT=20",
    ] {
        assert!(service.contains(part), "nothing of {part} in\n{service}");
    }
    let (status, route) =
        run(&folder, &environment, &["export", "--to", "httproute", "--namespace", "cinema", shipped]);
    assert_eq!(status, Some(0), "{route}");
    // What is said on stderr is no part of the file.
    let file: String =
        route.lines().filter(|line| !line.starts_with("note: ")).map(|line| format!("{line}\n")).collect();
    write(&folder, "httproute.yaml", &file);
    let (status, back) = run(&folder, &[], &["import", "httproute", "httproute.yaml"]);
    assert_eq!(status, Some(0), "{back}");
    assert!(back.contains("movies-service: 20\n") && back.contains("monolith: rest\n"), "{back}");
}

#[test]
fn what_cannot_be_exported_or_imported_is_refused_with_the_reason() {
    let folder = Folder::new();
    write(&folder, "good.yaml", GOOD);
    write(&folder, "bad.yaml", &GOOD.replace("path", "pth"));
    write(&folder, "service.yaml", "kind: Service\napiVersion: v1\n");
    for (arguments, wanted) in [
        (&["export", "--to", "httproute", "bad.yaml"][..], "did you mean"),
        (&["export", "--to", "httproute", "missing.yaml"], "missing.yaml can't be read"),
        (&["export", "--to", "httproute", "--strict", "good.yaml"], "error: lost: upstream `films`"),
        (&["import", "httproute", "service.yaml"], "service.yaml: no HTTPRoute"),
        (&["import", "httproute", "missing.yaml"], "missing.yaml can't be read"),
    ] {
        let (status, said) = run(&folder, &[], arguments);
        assert!(status == Some(2) && said.contains(wanted), "{arguments:?}: {status:?}\n{said}");
    }
}

#[test]
fn help_and_version_are_worth_reading() {
    let folder = Folder::new();
    let (status, said) = run(&folder, &[], &["--help"]);
    assert_eq!(status, Some(0));
    for command in ["run", "check", "health", "schema", "completions"] {
        assert!(said.contains(command), "{said}");
    }
    let (_, said) = run(&folder, &[], &["run", "--help"]);
    for part in ["--routes", "ROUTES_FILE", "--wait-for-valid", "SIGTERM", "SIGHUP", "LOG_FORMAT", "Exit status"] {
        assert!(said.contains(part), "nothing of {part} in\n{said}");
    }
    assert_eq!(run(&folder, &[], &["--version"]), (Some(0), format!("gateway {}", env!("CARGO_PKG_VERSION"))));
    let (status, said) = run(&folder, &[], &["chek"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("'check'"), "a similar command is named:\n{said}");
    let (status, said) = run(&folder, &[], &["completions", "bash"]);
    assert!(status == Some(0) && said.contains("--wait-for-valid"));
}

#[test]
fn the_file_is_named_by_the_argument_or_by_routes_file_or_is_routes_yaml() {
    let own = |name: &str| file(&[], &format!("routes: [{{ name: all, path: /, respond: {{ text: {name} }} }}]\n"));
    for (variable, argument, answer) in [
        (None, None, "routes"),
        (Some("variable.yaml"), None, "variable"),
        (Some("variable.yaml"), Some("argument.yaml"), "argument"),
    ] {
        let folder = Folder::new();
        for name in ["routes", "variable", "argument"] {
            write(&folder, &format!("{name}.yaml"), &own(name));
        }
        let mut setup = Setup::of("");
        if let Some(variable) = variable {
            setup = setup.env("ROUTES_FILE", variable);
        }
        if let Some(argument) = argument {
            setup = setup.arg("--routes").arg(argument);
        }
        let process = setup.spawn_in(&folder);
        assert_eq!(Gateway::of(process, folder).get("/").text(), answer);
    }
}

#[test]
fn a_wrong_log_setting_is_said() {
    let folder = Folder::new();
    write(&folder, "routes.yaml", GOOD);
    for (name, value) in [("LOG_FORMAT", "xml"), ("RUST_LOG", "a=b=c")] {
        let (status, said) = run(&folder, &[(name, value)], &["run"]);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(name) && said.contains(value), "{said}");
    }
}

#[test]
fn health_tells_a_gateway_that_is_ready_from_one_that_is_not() {
    let drain = "drain: { delay: 30s, timeout: 1s }";
    let rest = "routes: [{ name: all, path: /, respond: { text: ok } }]\n";
    let gateway = Setup::with(&[drain], rest).start();
    let folder = Folder::new();
    let asked = |address: String| run(&folder, &[("ADMIN_LISTEN", &address)], &["health"]);
    let admin = gateway.admin.to_string();
    assert_eq!(asked(admin.clone()), (Some(0), String::new()));
    assert_eq!(asked(format!("0.0.0.0:{}", gateway.admin.port())), (Some(0), String::new()));
    let (status, said) = asked(gateway.address.to_string());
    assert!(status == Some(0), "the public port answers 200 to everything: {said}");
    gateway.edit(&file(&[drain], &rest.replace("text: ok", "status: 404, text: no")));
    let (status, said) = asked(gateway.address.to_string());
    assert!(status == Some(1) && said.contains("/readyz: 404"), "{said}");
    gateway.process.terminate();
    let (status, said) =
        tests::until("it drains", || Some(asked(admin.clone())).filter(|(status, _)| *status != Some(0)));
    assert!(status == Some(1) && said.starts_with("not ready: ") && said.contains("503"), "{said}");
    drop(gateway);
    let (status, said) = asked(admin.clone());
    assert!(status == Some(1) && said.contains(&admin), "{said}");
}
