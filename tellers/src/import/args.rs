//! What `tellers import` is told.

use clap::Args;
use runtime::server_url::http_base;

/// Which file, how to read it, and where to send it.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ImportArgs {
    /// The file; `-` reads standard input
    pub(crate) file: String,

    /// Which columns and constants make a job, and how dates and amounts are written
    #[arg(long)]
    pub(crate) map: Option<String>,

    /// csv, ndjson or pain.001; found out if it is not given
    #[arg(long)]
    pub(crate) format: Option<String>,

    /// Such as windows-1252; found out if it is not given
    #[arg(long)]
    pub(crate) charset: Option<String>,

    /// Queue nothing: tell which rows would be refused
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// The ingress
    #[arg(long, env = "API_URL", default_value = "http://127.0.0.1:8080", value_parser = http_base)]
    pub(crate) api_url: String,

    /// A key of the ingress, if it asks for one (scopes submit and read)
    #[arg(long, env = "API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,

    /// Print the import as JSON when it has ended
    #[arg(long)]
    pub(crate) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  tellers import payments.csv
  tellers import payments.xml.gz --dry-run
  zcat jobs.ndjson.gz | tellers import - --format ndjson

The same file again takes no row twice: after a break it goes on where it stopped.

Exit status 0: every row is in the books, or was before; 1: some are not; 2: the file was not
imported.";
