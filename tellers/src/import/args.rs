//! The arguments of `tellers import`.

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

    /// Format of the file: csv, ndjson or pain.001; detected by default
    #[arg(long)]
    pub(crate) format: Option<String>,

    /// Character encoding of the file, such as windows-1252; detected by default
    #[arg(long)]
    pub(crate) charset: Option<String>,

    /// Queue nothing, and list the rows that would be refused
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// URL of the ingress
    #[arg(long, env = "API_URL", default_value = "http://127.0.0.1:8080", value_parser = http_base)]
    pub(crate) api_url: String,

    /// API key of the ingress, if the ingress asks for keys (scopes submit and read)
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

No row takes effect twice: the same file sent again after a break goes on where the import stopped.

Exit status 0: every row is in the books; 1: some rows are not; 2: the file was not imported.";
