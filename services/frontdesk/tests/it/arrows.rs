//! Who may know whom, held against what cargo says, and the shape of the packages.
//!
//! The invariant: whoever draws a new arrow has to write it into this table first.

mod sources;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

use serde_json::Value;

/// Every package and those of ours that it may depend on; the services to come are in it already.
const MAY_KNOW: [(&str, &[&str]); 15] = [
    ("proto", &[]),
    ("domain", &[]),
    ("chassis", &["domain"]),
    // it answers what is the same for whoever keeps documents
    ("store", &["proto", "domain", "chassis"]),
    // what the services that speak with a provider have in common
    ("providers", &["proto", "domain", "chassis", "store"]),
    ("sandbox", &["domain"]),
    ("tools", &["proto", "domain", "chassis"]),
    ("gateway", &["proto", "domain", "chassis", "tools"]),
    ("session-broker", &["proto", "domain", "chassis", "store"]),
    ("chat-agent", &["proto", "domain", "chassis", "store", "tools"]),
    ("whop-gateway", &["proto", "domain", "chassis", "store", "providers"]),
    ("booking-payments", &["proto", "domain", "chassis", "store", "providers"]),
    ("sheets-writer", &["proto", "domain", "chassis", "store"]),
    ("ops-copilot", &["proto", "domain", "chassis", "store"]),
    ("frontdesk", EVERYBODY),
];
const EVERYBODY: &[&str] = &[
    "proto",
    "domain",
    "chassis",
    "store",
    "providers",
    "sandbox",
    "tools",
    "gateway",
    "session-broker",
    "chat-agent",
    "whop-gateway",
    "booking-payments",
    "sheets-writer",
    "ops-copilot",
];
/// Crates of others that only some of ours may name, tests included.
const OUTSIDE: [(&str, &[&str]); 5] = [
    ("lettre", &["ops-copilot"]),
    // the last two in tests alone, which compute reports once more with SQL
    ("rusqlite", &["store", "sandbox", "tools", "ops-copilot", "frontdesk"]),
    ("firestore", &["store"]),
    ("gcloud-sdk", &["store"]),
    ("gcp_auth", &["sheets-writer", "whop-gateway", "store", "chassis"]),
];

/// A package as cargo describes it.
struct Package {
    name: String,
    /// `services/gateway`
    place: String,
    dir: PathBuf,
    binaries: Vec<String>,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    for_tests: bool,
}

fn root() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

fn packages() -> Vec<Package> {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let packages: Vec<_> = metadata["packages"].as_array().unwrap().iter().map(package).collect();
    assert!(packages.len() >= 9, "cargo knows only {}", packages.len());
    packages
}

fn package(wire: &Value) -> Package {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |value: &'_ Value| value.as_array().unwrap().clone();
    let dir = PathBuf::from(text(&wire["manifest_path"])).parent().unwrap().canonicalize().unwrap();
    let is_binary = |target: &&Value| target["kind"][0] == "bin";
    let dependency =
        |wire: &Value| Dependency { name: text(&wire["name"]), for_tests: wire["kind"] == "dev" };
    Package {
        name: text(&wire["name"]),
        place: dir.strip_prefix(root()).unwrap().display().to_string(),
        binaries: list(&wire["targets"])
            .iter()
            .filter(is_binary)
            .map(|target| text(&target["name"]))
            .collect(),
        dependencies: list(&wire["dependencies"]).iter().map(dependency).collect(),
        dir,
    }
}

/// What is wrong with the arrows of `packages`, in sentences.
fn wrong_arrows(packages: &[Package]) -> Vec<String> {
    let table: BTreeMap<&str, &[&str]> = MAY_KNOW.into_iter().collect();
    let mut wrong = Vec::new();
    for Package { name, place, dependencies, .. } in packages {
        let Some(may_know) = table.get(name.as_str()) else {
            wrong.push(format!("{place} is not in the table of who may know whom"));
            continue;
        };
        for Dependency { name: known, for_tests } in dependencies {
            let ours = table.contains_key(known.as_str());
            let private = known == "sandbox" || known == "frontdesk" || is_service(packages, known);
            let wherever = if *for_tests { "even in its tests" } else { "by the table" };
            if ours && !may_know.contains(&known.as_str()) && (private || !for_tests) {
                wrong.push(format!("{name} must not know {known}, {wherever}"));
            }
            let outside = OUTSIDE.iter().find(|(krate, _)| krate == known);
            if outside.is_some_and(|(_, allowed)| !allowed.contains(&name.as_str())) {
                wrong.push(format!("{name} must not name the crate {known}, {wherever}"));
            }
        }
    }
    wrong
}

fn is_service(packages: &[Package], name: &str) -> bool {
    packages.iter().any(|package| package.name == name && package.place.starts_with("services/"))
}

#[test]
fn packages_know_only_whom_they_may() {
    let wrong = wrong_arrows(&packages());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_arrow_is_named() {
    let mut packages = packages();
    let mut draw = |from: &str, to: &str, for_tests: bool| {
        let package = packages.iter_mut().find(|package| package.name == from).unwrap();
        package.dependencies.push(Dependency { name: to.to_owned(), for_tests });
    };
    draw("gateway", "store", false);
    draw("session-broker", "sheets-writer", true);
    draw("session-broker", "sandbox", true);
    draw("domain", "proto", true);
    draw("chassis", "frontdesk", false);
    draw("sheets-writer", "rusqlite", true);
    let wrong: BTreeSet<String> = wrong_arrows(&packages).into_iter().collect();
    let expected = [
        "chassis must not know frontdesk, by the table",
        "gateway must not know store, by the table",
        "session-broker must not know sandbox, even in its tests",
        "session-broker must not know sheets-writer, even in its tests",
        "sheets-writer must not name the crate rusqlite, even in its tests",
    ];
    assert_eq!(wrong, expected.map(str::to_owned).into(), "a package for tests is free to be any other");
}

#[test]
fn one_name_everywhere() {
    for Package { name, place, binaries, dir, .. } in packages() {
        let (room, directory) = place.split_once('/').unwrap_or(("", &place));
        assert_eq!(directory, name, "{place}: the package is named after its directory");
        assert!(["", "shared", "services"].contains(&room), "{place} stands in no known room");
        if room != "services" {
            assert!(binaries.is_empty(), "{place} is a library");
            continue;
        }
        assert_eq!(binaries, [name.as_str()], "{place}: one binary, named after the package");
        let main = fs::read_to_string(dir.join("src/main.rs")).unwrap();
        assert!(main.lines().count() <= 40, "{place}/src/main.rs has more than 40 lines");
        assert!(dir.join("src/lib.rs").is_file(), "{place} has no lib.rs");
        assert!(dir.join("tests/it/main.rs").is_file(), "{place} has no tests/it");
    }
}
