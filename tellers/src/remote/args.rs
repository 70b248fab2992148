//! Where a fleet is, with which key it is asked, and how much of a list is shown: the same for every command.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use runtime::server_url::http_base;

use super::{Service, Which};

/// Where the ingress is.
#[derive(Debug, Clone, Args)]
pub(crate) struct IngressArgs {
    /// URL of the ingress
    #[arg(long, global = true, env = "API_URL", help_heading = "Service", value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = http_base)]
    pub(crate) api_url: String,
}

/// Where the monitor is.
#[derive(Debug, Clone, Args)]
pub(crate) struct MonitorArgs {
    /// URL of the monitor
    #[arg(long, global = true, env = "MONITOR_URL", help_heading = "Service", value_name = "URL", default_value = "http://127.0.0.1:5000", value_parser = http_base)]
    pub(crate) monitor_url: String,
}

/// The key, which no argument holds: whoever lists the processes of a machine reads their arguments.
#[derive(Debug, Clone, Args)]
pub(crate) struct KeyArgs {
    /// File with the API key; without, the key is in the variable API_KEY
    #[arg(long, global = true, env = "API_KEY_FILE", help_heading = "Service", value_name = "FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
}

impl KeyArgs {
    /// The key, where there is one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(&self) -> anyhow::Result<Option<String>> {
        let path = self.api_key_file.as_ref().filter(|path| !path.as_os_str().is_empty());
        let key = match path {
            Some(path) => {
                let key = std::fs::read_to_string(path);
                Some(key.with_context(|| format!("the API key cannot be read from {}", path.display()))?)
            }
            None => std::env::var("API_KEY").ok(),
        };
        Ok(key.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()))
    }
}

impl IngressArgs {
    /// The ingress.
    ///
    /// # Errors
    /// The URL or the key cannot be used.
    pub(crate) fn service(&self, key: &KeyArgs) -> anyhow::Result<Service> {
        Service::new(Which::Ingress, &self.api_url, key)
    }
}

impl MonitorArgs {
    /// The monitor.
    ///
    /// # Errors
    /// The URL or the key cannot be used.
    pub(crate) fn service(&self, key: &KeyArgs) -> anyhow::Result<Service> {
        Service::new(Which::Monitor, &self.monitor_url, key)
    }
}

/// How much of a list is shown, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListArgs {
    /// Most rows to show
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,

    /// Show all rows, however many there are
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) json: JsonArgs,
}

/// Whether a program reads the answer.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct JsonArgs {
    /// Print the JSON of the service as it came (one page; with --all, one object a line). Amounts are in minor units
    #[arg(long)]
    pub(crate) json: bool,
}
