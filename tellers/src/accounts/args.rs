//! The arguments of `tellers accounts`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand, ValueEnum};
use domain::money::Currency;

use crate::output::Misused;
use crate::remote::args::{self, IngressArgs, JsonArgs, KeyArgs};
use crate::remote::money;

/// Which accounts, and where they are asked for.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AccountsArgs {
    #[command(subcommand)]
    pub(crate) command: AccountsCommand,
    #[command(flatten)]
    pub(crate) ingress: IngressArgs,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AccountsCommand {
    /// List accounts in the order of their numbers
    List(AccountsListArgs),
    /// Show an account: balance, holds, limit and status
    Show {
        /// The account's number
        number: String,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// List the entries of an account, the newest first
    Entries {
        /// The account's number
        number: String,
        #[command(flatten)]
        list: args::ListArgs,
    },
    /// List holds
    Holds {
        /// Holds on this account
        #[arg(long)]
        account: Option<String>,
        /// Holds that are active, captured or released
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        list: args::ListArgs,
    },
    /// List standing orders
    Orders {
        /// Standing orders that draw on this account
        #[arg(long)]
        account: Option<String>,
        /// Standing orders that are active, paused, closed or ended
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        list: args::ListArgs,
    },
    /// Write a statement of an account: both balances and every entry between them, the oldest first
    Statement(StatementArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct AccountsListArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) list: args::ListArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct StatementArgs {
    /// The account's number
    pub(crate) number: String,

    /// First day (UTC) or first instant (RFC 3339) of the period; by default that of the first entry
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,

    /// Last day (UTC) of the period, or the first instant after it; by default now
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,

    /// Write the service's own document; by default, a table
    #[arg(long, value_enum)]
    pub(crate) format: Option<StatementFormat>,
}

/// A form of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatementFormat {
    Json,
    Csv,
    #[value(name = "camt.053")]
    Camt053,
}

/// Which accounts: those that all of this is so of.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct FilterArgs {
    /// Accounts whose numbers begin so
    #[arg(long)]
    prefix: Option<String>,

    /// Accounts in this currency
    #[arg(long)]
    currency: Option<Currency>,

    /// Accounts that are open, frozen or closed
    #[arg(long)]
    status: Option<String>,

    /// Accounts with this balance or more: minor units such as -12550, or major units with the currency, such as '-125.50 EUR'
    #[arg(long, value_name = "AMOUNT", value_parser = money::read, allow_hyphen_values = true)]
    balance_min: Option<(i64, Option<Currency>)>,

    /// Accounts with this balance or less
    #[arg(long, value_name = "AMOUNT", value_parser = money::read, allow_hyphen_values = true)]
    balance_max: Option<(i64, Option<Currency>)>,

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
        let balances = [("balance_min", self.balance_min), ("balance_max", self.balance_max)];
        let currency =
            money::one_currency(self.currency, balances.iter().filter_map(|(_, amount)| (*amount)?.1));
        let currency = currency.map_err(Misused)?;
        let texts = [
            ("prefix", self.prefix.clone()),
            ("status", self.status.clone()),
            ("currency", currency.map(|currency| currency.to_string())),
            ("fresh", self.fresh.then(|| "true".to_owned())),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
        let balances = balances.into_iter().filter_map(|(name, amount)| Some((name, amount?.0.to_string())));
        Ok(texts.chain(balances).collect())
    }
}

const EXAMPLES: &str = "\
Examples:
  export API_URL=https://api.bank.example API_KEY=...
  tellers accounts list --prefix acme: --balance-max '-0.01 EUR'
  tellers accounts show DE89370400440532013000
  tellers accounts entries alice --limit 20
  tellers accounts statement alice --from 2026-11-01 --to 2026-11-30 --format camt.053 > november.xml
  tellers accounts holds --status active";
