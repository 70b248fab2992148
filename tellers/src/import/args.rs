//! The arguments of `tellers import`.

use clap::Args;

use crate::remote::args::{IngressArgs, KeyArgs};

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

    #[command(flatten)]
    pub(crate) ingress: IngressArgs,

    #[command(flatten)]
    pub(crate) key: KeyArgs,

    /// The API key itself. Whoever lists the processes of this machine can read it: API_KEY and --api-key-file are safer
    #[arg(long, value_name = "KEY", hide = true)]
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
