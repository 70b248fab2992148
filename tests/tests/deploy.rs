//! What is deployed gives nobody more than it has to: pods, networks, secrets, users, images and passwords.

#![allow(clippy::unwrap_used, clippy::panic)] // What the tests share fails as they do.

#[path = "deploy/kubernetes.rs"]
mod kubernetes;
#[path = "deploy/sbom.rs"]
mod sbom;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[track_caller]
fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a file in YAML, as JSON.
#[track_caller]
fn documents(path: &str) -> Vec<Value> {
    let read = YamlLoader::load_from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    read.iter().map(json).collect()
}

fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Boolean(value) => (*value).into(),
        Yaml::Integer(value) => (*value).into(),
        Yaml::Real(value) | Yaml::String(value) => value.as_str().into(),
        Yaml::Array(values) => values.iter().map(json).collect(),
        Yaml::Hash(pairs) => pairs
            .iter()
            .map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), json(value)))
            .collect(),
        Yaml::Null | Yaml::BadValue | Yaml::Alias(_) => Value::Null,
    }
}

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn compose_starts_with_no_password_that_anybody_knows_and_lets_nobody_in_without_a_key() {
    let (compose, settings) = (text("docker-compose.yml"), text(".env.example"));
    assert!(!compose.contains("ALLOW_ANONYMOUS") && !settings.contains("ALLOW_ANONYMOUS"));
    for line in settings.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        assert!(
            !name.ends_with("_PASSWORD") || value.is_empty(),
            "{name} has a password that everybody knows"
        );
    }
    for place in compose.match_indices("_PASSWORD:").chain(compose.match_indices("_PASSWORD}")) {
        let line = compose[..place.0].rfind('\n').map_or(0, |at| at + 1);
        let line = compose[line..].lines().next().unwrap_or_default();
        assert!(line.contains(":?") || line.contains("MYSQL_RANDOM_ROOT_PASSWORD"), "may be empty: {line}");
    }
    let all = documents("docker-compose.yml").remove(0);
    let common = &all["x-tellers"];
    assert_eq!(
        (&common["read_only"], &common["cap_drop"]),
        (&true.into(), &serde_json::json!(["ALL"])),
        "{common}"
    );
    assert_eq!(common["security_opt"], serde_json::json!(["no-new-privileges:true"]));
    for role in ["migrate", "api", "worker", "monitor"] {
        assert_eq!(all["services"][role]["<<"], *common, "{role} is not restricted as the others are");
    }
    for (name, service) in all["services"].as_object().unwrap() {
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(
                port.as_str().unwrap().starts_with("127.0.0.1:"),
                "{name} is open to the network: {port}"
            );
        }
    }
}

#[test]
fn the_image_runs_as_nobody_and_is_built_on_what_can_be_named_by_digest() {
    let dockerfile = text("Dockerfile");
    let said = |word: &str| dockerfile.lines().filter(|line| line.starts_with(word)).collect::<Vec<_>>();
    assert_eq!(said("USER"), ["USER 10001:10001"]);
    assert_eq!(said("FROM"), ["FROM ${RUST_IMAGE} AS build", "FROM ${BASE_IMAGE}"]);
}

/// A table that nobody thought of here could not be read by any role.
#[test]
fn every_table_is_granted_and_what_is_for_ever_is_only_added_to() {
    let grants = text("deploy/mysql/grants.sql");
    let grants: Vec<_> = grants.lines().filter(|line| line.starts_with("GRANT ")).collect();
    let on = |table: &str| {
        let table = format!(" ON tellers.{table} TO ");
        grants.iter().filter(move |grant| grant.contains(&table))
    };
    for file in std::fs::read_dir(root().join("migrations/mysql")).unwrap() {
        let migration = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for statement in migration.split("CREATE TABLE ").skip(1) {
            let table = statement.split([' ', '(']).next().unwrap_or_default();
            assert!(on(table).next().is_some(), "deploy/mysql/grants.sql grants nobody the table {table}");
        }
    }
    for table in ["entries", "audit_log"] {
        for grant in on(table) {
            assert!(!grant.contains("UPDATE") && !grant.contains("DELETE"), "{grant}");
        }
    }
    for grant in &grants {
        assert!(!grant.contains("ALL") && !grant.contains("tellers.*") && grant.ends_with(';'), "{grant}");
        let is_whole = !grant.contains("UPDATE") || grant.contains("UPDATE (");
        assert!(is_whole, "name the columns: {grant}");
    }
}
