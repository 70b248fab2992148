//! What `--help` shows: commands by what they are for, and with each command the settings that it uses.
//!
//! Every command takes every setting of the fleet, so that one environment does for all of them. A setting that a command
//! does not use does nothing there, and its help does not speak of it.

use clap::{Arg, Command};

/// Commands by what they are for, in the order in which they are shown.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Try it", &["demo", "dev"]),
    ("Services, each one replica of a fleet", &["api", "worker", "monitor", "migrate"]),
    (
        "Operators, at a running fleet",
        &[
            "status",
            "jobs",
            "accounts",
            "imports",
            "import",
            "webhooks",
            "alerts",
            "lanes",
            "config",
            "dead-letters",
            "keys",
            "doctor",
            "verify",
            "health",
        ],
    ),
    ("Measurements", &["bench", "load-test"]),
];

/// Of every command: whom it trusts, and how it logs.
const OF_ALL: &[&str] = &["tls_ca", "log_format"];
/// Of one that opens the database, or the embedded one's files.
const OF_BOOKS: &[&str] = &["database_url", "data_dir", "lanes"];
/// Of one that opens the broker.
const OF_BROKER: &[&str] = &["amqp_url", "amqp_management_url"];

/// The settings of the fleet that a command uses beside those of all; `None`: each of them.
fn used_by(command: &str) -> Option<Vec<&'static str>> {
    let used: &[&[&str]] = match command {
        "dev" | "api" | "worker" | "monitor" => return None,
        "migrate" | "keys" => &[OF_BOOKS],
        "verify" => &[OF_BOOKS, &["database_analytics_url"]],
        "dead-letters" => &[OF_BROKER, OF_BOOKS],
        "doctor" => &[OF_BROKER, OF_BOOKS, &["database_readonly_url", "database_analytics_url"]],
        "bench" => &[OF_BROKER, &["database_url", "lanes"]],
        "demo" => &[&["lanes"]],
        _ => &[],
    };
    Some(OF_ALL.iter().chain(used.iter().copied().flatten()).copied().collect())
}

/// The command line with help that is as short as what a command uses.
pub(super) fn shaped(command: Command) -> Command {
    let template = template(&command);
    let settings: Vec<Arg> =
        command.get_arguments().filter(|argument| argument.is_global_set()).cloned().collect();
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    // What is hidden here is hidden in every command that has no argument of that name of its own.
    let command =
        command.mut_args(|argument| if argument.is_global_set() { argument.hide(true) } else { argument });
    let command = names.iter().fold(command, |command, name| {
        let used = used_by(name);
        let is_used =
            |argument: &&Arg| used.as_ref().is_none_or(|used| used.contains(&argument.get_id().as_str()));
        let shown: Vec<Arg> = settings.iter().filter(is_used).cloned().collect();
        command.mut_subcommand(name, |sub| sub.args(shown))
    });
    command.help_template(template)
}

/// The help of `tellers` itself.
fn template(command: &Command) -> String {
    let about = |name: &str| {
        let about = command.find_subcommand(name).and_then(Command::get_about);
        about.map(ToString::to_string).unwrap_or_default()
    };
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or_default();
    let groups = GROUPS.iter().map(|(title, names)| {
        let lines = names.iter().map(|name| format!("  {name:width$}  {}\n", first_sentence(&about(name))));
        format!("{title}:\n{}\n", lines.collect::<String>())
    });
    format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Options:\n{{options}}{{after-help}}",
        groups.collect::<String>()
    )
}

/// A line has room for one.
fn first_sentence(about: &str) -> &str {
    about.split_once("; ").or_else(|| about.split_once(". ")).map_or(about, |(first, _)| first)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::cli::Cli;

    use super::*;

    fn help(arguments: &[&str]) -> String {
        let asked = [&["tellers"], arguments, &["--help"]].concat();
        Cli::shaped().try_get_matches_from(asked).unwrap_err().to_string()
    }

    #[test]
    fn every_command_is_in_one_group() {
        let command = Cli::shaped();
        let all: BTreeSet<_> = command.get_subcommands().map(Command::get_name).collect();
        let grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        assert_eq!(grouped.len(), all.len(), "{grouped:?}");
        assert_eq!(grouped.into_iter().collect::<BTreeSet<_>>(), all);
        let help = help(&[]);
        for (title, names) in GROUPS {
            assert!(help.contains(title) && names.iter().all(|name| help.contains(name)), "{help}");
        }
        assert!(!help.contains("DB_POOL_SIZE"), "{help}");
    }

    #[test]
    fn a_command_shows_the_settings_that_it_uses() {
        for (command, shown, hidden) in [
            (
                &["jobs", "find"][..],
                &["API_URL", "TLS_CA", "--counterparty"][..],
                &["DB_POOL_SIZE", "AMQP_URL", "LANES"][..],
            ),
            (&["status"], &["MONITOR_URL", "API_KEY_FILE"], &["DATABASE_URL", "ASYNC_QUEUE_SIZE"]),
            (&["keys", "create"], &["DATABASE_URL", "DATA_DIR"], &["AMQP_URL", "DB_POOL_SIZE"]),
            (&["health"], &["--url"], &["DATABASE_URL", "LANES"]),
            (&["worker"], &["DB_POOL_SIZE", "AMQP_URL", "LINGER_MS"], &[]),
        ] {
            let help = help(command);
            for name in shown {
                assert!(help.contains(name), "{command:?} does not show {name}: {help}");
            }
            for name in hidden {
                assert!(!help.contains(name), "{command:?} shows {name}: {help}");
            }
        }
    }

    #[test]
    fn what_is_hidden_is_taken_all_the_same() {
        for arguments in [["tellers", "--lanes", "8", "worker"], ["tellers", "worker", "--lanes", "8"]] {
            let matches = Cli::shaped().try_get_matches_from(arguments).unwrap();
            let cli = <Cli as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
            assert_eq!(cli.fleet.lanes.count(), 8);
        }
    }

    /// One of the same name would be read as if it were the setting.
    #[test]
    fn no_option_of_a_command_has_the_name_of_a_setting() {
        fn held(command: &Command, settings: &BTreeSet<String>) {
            for argument in command.get_arguments() {
                assert!(!settings.contains(argument.get_id().as_str()), "{} {argument}", command.get_name());
            }
            command.get_subcommands().for_each(|command| held(command, settings));
        }
        let command = <Cli as clap::CommandFactory>::command();
        let settings = command.get_arguments().map(|argument| argument.get_id().to_string()).collect();
        command.get_subcommands().for_each(|command| held(command, &settings));
    }

    #[test]
    fn every_setting_that_a_command_uses_is_one() {
        let command = Cli::shaped();
        let known: BTreeSet<_> = command.get_arguments().map(|argument| argument.get_id().as_str()).collect();
        for name in command.get_subcommands().map(Command::get_name) {
            for used in used_by(name).into_iter().flatten() {
                assert!(known.contains(used), "{name} uses {used}");
            }
        }
    }
}
