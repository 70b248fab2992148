//! The settings as arguments of the command line, made from the table.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use contract::report::{Role, SettingSource};

use super::Settings;
use super::table::{self, Setting};
use super::value::Value;

/// Settings of the ingress, as at its start.
#[derive(Debug, Clone, Default)]
pub struct ApiSettings(pub Settings);

/// Settings of a worker, as at its start.
#[derive(Debug, Clone, Default)]
pub struct WorkerSettings(pub Settings);

/// Settings of the monitor, as at its start.
#[derive(Debug, Clone, Default)]
pub struct MonitorSettings(pub Settings);

macro_rules! arguments_of {
    ($settings:ident, $role:expr) => {
        impl Args for $settings {
            fn augment_args(command: Command) -> Command {
                command.args(table::of($role).map(argument))
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }

        impl FromArgMatches for $settings {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
                Ok($settings(given(matches, $role)))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }
    };
}

arguments_of!(ApiSettings, Role::Api);
arguments_of!(WorkerSettings, Role::Worker);
arguments_of!(MonitorSettings, Role::Monitor);

fn argument(setting: &'static Setting) -> Arg {
    let argument = Arg::new(setting.name)
        .long(setting.name.to_lowercase().replace('_', "-"))
        .env(setting.name)
        .hide_env_values(setting.secret)
        .help(setting.sentence)
        .value_parser(|text: &str| {
            setting.read_text(text).ok_or_else(|| format!("it takes {}", setting.takes()))
        });
    match setting.default_value() {
        Value::Integer(default) => argument.default_value(default.to_string()),
        Value::Decimal(default) => argument.default_value(default.to_string()),
        Value::Text(_) => argument,
    }
}

fn given(matches: &ArgMatches, role: Role) -> Settings {
    table::of(role).fold(Settings::default(), |settings, setting| {
        let value = matches.get_one::<Value>(setting.name).cloned();
        let source = match matches.value_source(setting.name) {
            Some(ValueSource::CommandLine) => SettingSource::Flag,
            Some(ValueSource::EnvVariable) => SettingSource::Environment,
            _ => SettingSource::Default,
        };
        settings.with([(setting, value.unwrap_or_else(|| setting.default_value()))], source)
    })
}
