//! The arguments of `tellers jobs`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use domain::money::Currency;

use crate::output::Misused;
use crate::remote::args::{IngressArgs, JsonArgs, KeyArgs, ListArgs};
use crate::remote::money;

/// Which job, and where it is asked for.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    pub(crate) command: JobsCommand,
    #[command(flatten)]
    pub(crate) ingress: IngressArgs,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum JobsCommand {
    /// Find jobs that have an outcome by anything that is known of them, the newest first
    #[command(visible_alias = "list")]
    Find(Box<FindArgs>),
    /// List the jobs that wait for the day on which they are to be executed, the next one first
    Scheduled(ScheduledArgs),
    /// Show a job: its outcome, and what became of it since
    Show {
        /// The job's id, or its reference
        id: String,
        /// Seconds to wait for an outcome
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
        wait: Option<u64>,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Show what happened to a job, in the order of time, with the balances before and after
    Timeline {
        /// The job's id, or its reference
        id: String,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Cancel a job that waits or is scheduled; exit status 1 if it has its outcome already, which the error names
    Cancel {
        /// The job's id
        id: String,
        /// Why, for everybody who asks what became of the job
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Post jobs of a file or of standard input: one JSON object, several one after the other, or an array of them
    #[command(visible_alias = "submit")]
    Post(PostArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct FindArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// Which scheduled jobs.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScheduledArgs {
    /// Jobs that name this account
    #[arg(long)]
    account: Option<String>,

    /// Jobs of this client
    #[arg(long)]
    client: Option<String>,

    /// Jobs of this kind, such as transfer
    #[arg(long)]
    kind: Option<String>,

    /// Jobs that are due on this day (UTC), at this instant (RFC 3339), or later
    #[arg(long, value_name = "TIME")]
    from: Option<String>,

    /// Jobs that are due on this day at the latest, or before this instant
    #[arg(long, value_name = "TIME")]
    to: Option<String>,

    #[command(flatten)]
    pub(crate) list: ListArgs,
}

impl ScheduledArgs {
    /// As the ingress takes it.
    pub(crate) fn query(&self) -> Vec<(&'static str, &str)> {
        let given = [
            ("account", &self.account),
            ("client", &self.client),
            ("kind", &self.kind),
            ("from", &self.from),
            ("to", &self.to),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PostArgs {
    /// The file; `-` reads standard input
    pub(crate) file: String,

    /// Wait for the outcomes, up to so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30", value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) wait: Option<u64>,

    /// Identity of the jobs that have no reference: the same file posted again with the same key takes effect once, and of a
    /// file with more jobs at its end only those are posted. Up to 240 characters: to the ingress, the number of each 1,000
    /// jobs stands behind it. By default a new one, which the command names before it sends anything
    #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
    pub(crate) idempotency_key: Option<String>,

    /// Print the JSON of the ingress as it came, one answer a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// The most characters of a key: an ingress takes 255, and the place of a request in the file stands behind it.
pub(crate) const KEY_CHARS_MAX: usize = 240;

fn idempotency_key(text: &str) -> Result<String, String> {
    let key = text.trim();
    let is_key = (1..=KEY_CHARS_MAX).contains(&key.len())
        && key.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        // To the ingress, that is a string in quotes.
        && !key.starts_with('"');
    if is_key {
        Ok(key.to_owned())
    } else {
        Err(format!(
            "a key has 1 to {KEY_CHARS_MAX} printable ASCII characters, of which the first is no quote"
        ))
    }
}

/// Which jobs: those that all of this is so of.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct FilterArgs {
    /// Jobs that their client calls so; found at once
    #[arg(long)]
    reference: Option<String>,

    /// Jobs whose payment has this EndToEndId
    #[arg(long, value_name = "ID")]
    end_to_end_id: Option<String>,

    /// Jobs of this client
    #[arg(long)]
    client: Option<String>,

    /// Jobs that draw on this account or have an entry on it
    #[arg(long)]
    account: Option<String>,

    /// Jobs of this kind, such as transfer
    #[arg(long)]
    kind: Option<String>,

    /// Jobs with this outcome: posted, rejected, dead, cancelled or scheduled
    #[arg(long)]
    outcome: Option<String>,

    /// Jobs that were rejected for this reason, such as insufficient_funds
    #[arg(long)]
    reason: Option<String>,

    /// Jobs of this amount: minor units such as 12550, or major units with the currency, such as '125.50 EUR'
    #[arg(long, value_parser = money::read, allow_hyphen_values = true)]
    amount: Option<(i64, Option<Currency>)>,

    /// Jobs of this amount or more
    #[arg(long, value_name = "AMOUNT", value_parser = money::read)]
    amount_min: Option<(i64, Option<Currency>)>,

    /// Jobs of this amount or less
    #[arg(long, value_name = "AMOUNT", value_parser = money::read)]
    amount_max: Option<(i64, Option<Currency>)>,

    /// Jobs in this currency
    #[arg(long)]
    currency: Option<Currency>,

    /// Jobs with this part of a name: of the counterparty, payer, payee or holder; capitals or not
    #[arg(long, value_name = "NAME")]
    counterparty: Option<String>,

    /// Jobs with this account of the counterparty
    #[arg(long, value_name = "ACCOUNT")]
    counterparty_account: Option<String>,

    /// Jobs whose memo begins so; capitals or not
    #[arg(long)]
    memo: Option<String>,

    /// Jobs whose metadata has this member
    #[arg(long, value_name = "NAME")]
    metadata_key: Option<String>,

    /// Jobs whose metadata has this value there
    #[arg(long, value_name = "VALUE")]
    metadata_value: Option<String>,

    /// Jobs that came in this file
    #[arg(long, value_name = "NUMBER")]
    import: Option<u64>,

    /// Jobs with an outcome on this day (UTC), at this instant (RFC 3339), or later
    #[arg(long, value_name = "TIME")]
    from: Option<String>,

    /// Jobs with an outcome on this day at the latest, or before this instant
    #[arg(long, value_name = "TIME")]
    to: Option<String>,

    /// Jobs accepted on this day (UTC), at this instant (RFC 3339), or later
    #[arg(long, value_name = "TIME")]
    accepted_from: Option<String>,

    /// Jobs accepted on this day at the latest, or before this instant
    #[arg(long, value_name = "TIME")]
    accepted_to: Option<String>,

    /// Ask the primary database, not a replica of it
    #[arg(long)]
    fresh: bool,
}

impl FilterArgs {
    /// As the ingress takes it.
    ///
    /// # Errors
    /// [`Misused`]: two amounts are in different currencies.
    pub(crate) fn query(&self) -> anyhow::Result<BTreeMap<&'static str, String>> {
        let amounts =
            [("amount", self.amount), ("amount_min", self.amount_min), ("amount_max", self.amount_max)];
        let currencies = amounts.iter().filter_map(|(_, amount)| (*amount)?.1);
        let currency = money::one_currency(self.currency, currencies).map_err(Misused)?;
        let texts = [
            ("reference", &self.reference),
            ("end_to_end_id", &self.end_to_end_id),
            ("client", &self.client),
            ("account", &self.account),
            ("kind", &self.kind),
            ("outcome", &self.outcome),
            ("reason", &self.reason),
            ("counterparty", &self.counterparty),
            ("counterparty_account", &self.counterparty_account),
            ("memo", &self.memo),
            ("metadata_key", &self.metadata_key),
            ("metadata_value", &self.metadata_value),
            ("from", &self.from),
            ("to", &self.to),
            ("accepted_from", &self.accepted_from),
            ("accepted_to", &self.accepted_to),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?)));
        let amounts = amounts.into_iter().filter_map(|(name, amount)| Some((name, amount?.0.to_string())));
        let others = [
            ("currency", currency.map(|currency| currency.to_string())),
            ("import", self.import.map(|import| import.to_string())),
            ("fresh", self.fresh.then(|| "true".to_owned())),
        ];
        let others = others.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok(texts.chain(amounts).chain(others).collect())
    }
}

const EXAMPLES: &str = "\
Examples:
  export API_URL=https://api.bank.example API_KEY=...
  tellers jobs find --amount '125.50 EUR' --counterparty müll --from 2026-11-24 --to 2026-11-24
  tellers jobs find --account DE-1 --outcome rejected --from 2026-11-24 --all --json
  tellers jobs show INV-7
  tellers jobs timeline 0193590b-7a4d-8a01-8203-0405068f2b6e
  echo '{\"kind\":\"open_account\",\"account\":\"alice\",\"currency\":\"EUR\"}' | tellers jobs post - --wait

A search goes from the newest job back. Give --from and --to, so that it has an end.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_that_the_ingress_takes() {
        assert_eq!(idempotency_key(" salaries 11 ").as_deref(), Ok("salaries 11"));
        for wrong in ["", " ", "\"k\"", "kö", "k\n1", &"k".repeat(KEY_CHARS_MAX + 1)] {
            assert!(idempotency_key(wrong).is_err_and(|why| why.contains("240")), "{wrong}");
        }
    }

    #[test]
    fn amounts_say_their_currency_once() {
        let eur = Some("EUR".parse().unwrap());
        let filter = FilterArgs {
            amount_min: Some((100, eur)),
            amount_max: Some((200, None)),
            ..FilterArgs::default()
        };
        let query = filter.query().unwrap();
        assert_eq!((query["amount_min"].as_str(), query["amount_max"].as_str()), ("100", "200"));
        assert_eq!(query["currency"], "EUR");
        let mixed = FilterArgs { currency: Some("USD".parse().unwrap()), ..filter };
        let told = mixed.query().unwrap_err();
        assert!(told.is::<Misused>() && told.to_string().contains("USD"), "{told}");
    }
}
