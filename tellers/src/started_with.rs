//! What the process was started with, for its reports: every argument that has an environment variable, under that
//! variable's name.

use std::collections::BTreeMap;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use contract::report::{SettingReport, SettingSource};
use fleet::settings::{MASK, table};
use serde_json::Value;

/// Reads the arguments of the command that was given. Those that change while running are left out: their reports
/// follow them.
pub(crate) fn read(command: &Command, matches: &ArgMatches) -> BTreeMap<String, SettingReport> {
    let Some((name, given)) = matches.subcommand() else { return BTreeMap::new() };
    let own = command.find_subcommand(name).into_iter().flat_map(Command::get_arguments);
    let setting = |argument: &Arg| {
        let name = argument.get_env()?.to_str().filter(|name| table::find(name).is_none())?;
        let source = match given.value_source(argument.get_id().as_str())? {
            ValueSource::CommandLine => SettingSource::Flag,
            ValueSource::EnvVariable => SettingSource::Environment,
            _ => SettingSource::Default,
        };
        Some((name.to_owned(), SettingReport { value: value(argument, given)?, source }))
    };
    command.get_arguments().chain(own).filter_map(setting).collect()
}

/// Numbers as numbers, secrets masked, all else as it was written.
fn value(argument: &Arg, given: &ArgMatches) -> Option<Value> {
    if argument.is_hide_env_values_set() {
        return Some(MASK.into());
    }
    let raw = given.get_raw(argument.get_id().as_str())?.next()?.to_string_lossy();
    Some(raw.parse::<u64>().map_or_else(|_| raw.as_ref().into(), Value::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;

    fn started(arguments: &[&str]) -> BTreeMap<String, SettingReport> {
        let command = Cli::shaped();
        let matches = command.clone().try_get_matches_from([&["tellers"], arguments].concat()).unwrap();
        read(&command, &matches)
    }

    #[test]
    fn every_argument_that_a_replica_was_given_is_reported_with_where_it_comes_from() {
        let started = started(&[
            "worker",
            "--lanes",
            "8",
            "--worker-listen",
            "127.0.0.1:0",
            "--database-url",
            "mysql://a:secret@b/c",
        ]);
        let is = |name: &str, value: Value, source| {
            assert_eq!(started.get(name), Some(&SettingReport { value, source }), "{name} in {started:#?}");
        };
        is("LANES", 8.into(), SettingSource::Flag);
        is("WORKER_LISTEN", "127.0.0.1:0".into(), SettingSource::Flag);
        is("DATABASE_URL", MASK.into(), SettingSource::Flag);
        is("DB_POOL_SIZE", 50.into(), SettingSource::Default);
        assert!(!started.contains_key("AMQP_URL"), "it is not set");
        assert!(!started.contains_key("API_LISTEN"), "it is another role's");
        assert!(!started.contains_key("LINGER_MS"), "it changes while running");
    }

    #[test]
    fn every_role_takes_its_settings_as_arguments() {
        let command = Cli::shaped();
        for setting in table::ALL {
            let takers = ["dev", "api", "worker", "monitor"].into_iter().filter(|name| {
                let mut arguments = command.find_subcommand(name).unwrap().get_arguments();
                arguments.any(|argument| argument.get_env().is_some_and(|env| env == setting.name))
            });
            assert_eq!(takers.count(), 2, "{}: the role that takes it, and dev", setting.name);
        }
        command.debug_assert();
    }
}
