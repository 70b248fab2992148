//! `tellers accounts`: accounts, their entries, holds and statements.

pub(crate) mod args;

use std::process::ExitCode;

use futures::StreamExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;

use self::args::{AccountsArgs, AccountsCommand, AccountsListArgs, StatementArgs, StatementFormat};
use crate::output;
use crate::remote::Service;
use crate::remote::cells::{amount, count, text, time};
use crate::remote::listing::Listing;
use crate::remote::table::{Column, Table, facts, left, right};

const ACCOUNTS: [Column; 8] = [
    left("account"),
    left("holder"),
    left("status"),
    right("balance"),
    right("held"),
    right("available"),
    right("overdraft limit"),
    right("entries"),
];

const ENTRIES: [Column; 9] = [
    right("seq"),
    left("posted (UTC)"),
    left("value date"),
    left("kind"),
    right("amount"),
    right("balance after"),
    left("counterparty"),
    left("memo"),
    left("job"),
];

const HOLDS: [Column; 6] =
    [left("id"), left("account"), left("status"), right("amount"), right("captured"), left("expires (UTC)")];

const ORDERS: [Column; 10] = [
    left("id"),
    left("account"),
    left("to"),
    right("amount"),
    right("keeps"),
    left("status"),
    left("next date"),
    right("paid"),
    left("last payment"),
    left("memo"),
];

pub(crate) async fn run(args: AccountsArgs) -> anyhow::Result<ExitCode> {
    let ingress = args.ingress.service(&args.key)?;
    match args.command {
        AccountsCommand::List(AccountsListArgs { filter, list }) => {
            let listing = Listing {
                service: &ingress,
                path: "/api/accounts",
                list: "accounts",
                columns: &ACCOUNTS,
                row: &|account| cells(account).into(),
            };
            listing.show(&filter.query()?, &list).await?;
        }
        AccountsCommand::Show { number, json } => {
            let answer = ingress.get(&path(&number, "")).await?;
            if json.json {
                output::line(answer.body.trim_end())?;
            } else {
                let shown = cells(&answer.json()?);
                let named = ACCOUNTS.iter().map(Column::title).zip(shown).collect::<Vec<_>>();
                facts(&named)?;
            }
        }
        AccountsCommand::Entries { number, list } => {
            let account = ingress.read(&path(&number, "")).await?;
            let currency = account["currency"].clone();
            let listing = Listing {
                service: &ingress,
                path: &path(&number, "/entries"),
                list: "entries",
                columns: &ENTRIES,
                row: &|entry| entry_cells(entry, &currency).into(),
            };
            listing.show(&NO_QUERY, &list).await?;
        }
        AccountsCommand::Holds { account, status, list } => {
            let listing = Listing {
                service: &ingress,
                path: "/api/holds",
                list: "holds",
                columns: &HOLDS,
                row: &|hold| hold_cells(hold).into(),
            };
            listing.show(&given([("account", account), ("status", status)]), &list).await?;
        }
        AccountsCommand::Orders { account, status, list } => {
            let listing = Listing {
                service: &ingress,
                path: "/api/standing-orders",
                list: "standing_orders",
                columns: &ORDERS,
                row: &|order| order_cells(order).into(),
            };
            listing.show(&given([("account", account), ("status", status)]), &list).await?;
        }
        AccountsCommand::Statement(statement) => show_statement(&ingress, &statement).await?,
    }
    Ok(ExitCode::SUCCESS)
}

const NO_QUERY: [(&str, &str); 0] = [];

fn path(number: &str, rest: &str) -> String {
    format!("/api/accounts/{}{rest}", utf8_percent_encode(number, NON_ALPHANUMERIC))
}

fn cells(account: &Value) -> [String; 8] {
    let money = |name: &str| amount(&account[name], &account["currency"]);
    [
        text(&account["number"]),
        text(&account["holder"]),
        text(&account["status"]),
        money("balance"),
        money("held"),
        if account["available"].is_null() { String::new() } else { money("available") },
        money("overdraft_limit"),
        count(&account["entries"]),
    ]
}

fn entry_cells(entry: &Value, currency: &Value) -> [String; 9] {
    let other = &entry["counterparty"];
    let other = [&other["name"], &other["account"]].map(text).into_iter().find(|name| !name.is_empty());
    [
        text(&entry["seq"]),
        time(&entry["posted_at"]),
        text(&entry["value_date"]),
        text(&entry["kind"]),
        amount(&entry["amount"], currency),
        amount(&entry["balance_after"], currency),
        other.unwrap_or_default(),
        text(&entry["memo"]),
        text(&entry["job"]),
    ]
}

fn hold_cells(hold: &Value) -> [String; 6] {
    let captured = &hold["captured"];
    [
        text(&hold["id"]),
        text(&hold["account"]),
        text(&hold["status"]),
        amount(&hold["amount"], &hold["currency"]),
        if captured.is_null() { String::new() } else { amount(captured, &hold["currency"]) },
        time(&hold["expires_at"]),
    ]
}

fn order_cells(order: &Value) -> [String; 10] {
    let money = |name: &str| match &order[name] {
        Value::Null => String::new(),
        units => amount(units, &order["currency"]),
    };
    let last = &order["last_payment"];
    let became = if last["reason"].is_null() { &last["outcome"] } else { &last["reason"] };
    [
        text(&order["id"]),
        text(&order["account"]),
        text(&order["to"]),
        money("amount"),
        money("keep"),
        text(&order["status"]),
        text(&order["next_dates"][0]),
        count(&order["payments_made"]),
        format!("{} {}", text(&last["due"]), text(became)).trim().to_owned(),
        text(&order["memo"]),
    ]
}

/// What of a query was given.
fn given<const N: usize>(query: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

async fn show_statement(ingress: &Service, args: &StatementArgs) -> anyhow::Result<()> {
    let format = match args.format {
        None | Some(StatementFormat::Json) => "json",
        Some(StatementFormat::Csv) => "csv",
        Some(StatementFormat::Camt053) => "camt.053",
    };
    let period = [("from", &args.from), ("to", &args.to)];
    let period: Vec<_> = period.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))).collect();
    let request = ingress.request(Method::GET, &path(&args.number, "/statement"));
    let request = request.query(&period).query(&[("format", format)]);
    if args.format.is_some() {
        // However long it is, it goes through as it comes.
        let mut pieces = ingress.stream(request).await?;
        while let Some(piece) = pieces.next().await {
            output::bytes(&piece?)?;
        }
        return Ok(());
    }
    let statement: Value = ingress.ask(request).await?.json()?;
    let currency = &statement["currency"];
    facts(&[
        ("account", text(&statement["account"])),
        ("holder", text(&statement["holder"])),
        ("from (UTC)", time(&statement["from"])),
        ("until (UTC)", time(&statement["to"])),
        ("opening balance", amount(&statement["opening_balance"], currency)),
        ("closing balance", amount(&statement["closing_balance"], currency)),
        ("entries", count(&statement["count"])),
    ])?;
    let mut table = Table::new(&ENTRIES);
    for entry in statement["entries"].as_array().into_iter().flatten() {
        table.row(entry_cells(entry, currency));
    }
    if !table.is_empty() {
        output::line("")?;
    }
    table.write_all()
}
