//! References compare by what is read, and hold nothing that nobody sees.

use serde_json::{Value, json};

use super::bank::{at_the_bank, deposit, fields, with_an_account};
use super::read::Faults;

fn job(account: &str, reference: &str) -> Value {
    let mut job = deposit(account, 100);
    job["reference"] = json!(reference);
    job
}

/// Writings of one reference.
fn writings(reference: &str) -> Vec<String> {
    let composed = format!("Caf\u{e9}-{reference}");
    vec![
        composed.clone(),
        format!(" {composed}"),
        format!("{composed}  "),
        format!("Cafe\u{301}-{reference}"),
        format!(" Cafe\u{301}-{reference} "),
    ]
}

#[test]
fn references_that_differ_by_blanks_at_their_ends_or_by_composition_are_one_job() {
    with_an_account(async |bank, account| {
        let mut ids = Vec::new();
        for reference in writings(&account) {
            let answer = bank.job(&job(&account, &reference)).await;
            assert_eq!(answer.status, 200, "{reference:?}: {answer:?}");
            ids.push(answer.json::<Value>().unwrap()["id"].clone());
        }
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(bank.amounts(&account).await, [100]);
    });
}

#[test]
fn the_same_holds_in_batches_and_in_files() {
    with_an_account(async |bank, account| {
        let lines: String =
            writings(&account).iter().map(|written| format!("{}\n", job(&account, written))).collect();
        let batch = bank.batch(&[], &lines).await;
        let ids: Vec<_> = batch.results.iter().filter_map(|result| result.id.as_ref()).collect();
        assert!(ids.len() == 5 && ids.iter().all(|id| *id == ids[0]), "{batch:?}");
        assert_eq!(bank.import(&lines, "application/x-ndjson", &[]).await["posted"], 0);
        for written in writings(&account) {
            let csv =
                format!("kind,account,amount,currency,reference\ndeposit,{account},1.00,EUR,\"{written}\"\n");
            let import = bank.import(csv, "text/csv", &[]).await;
            assert_eq!(import["posted"], 0, "{written:?}: {import}");
        }
        assert_eq!(bank.amounts(&account).await, [100]);
    });
}

#[test]
fn references_that_differ_otherwise_are_two_jobs() {
    with_an_account(async |bank, account| {
        // Case, accents, inner blanks, and letters that only look alike.
        for reference in ["inv 1", "INV 1", "inv  1", "inv1", "\u{ed}nv 1", "inv \u{661}", "i\u{3bd}v 1"] {
            let answer = bank.job(&job(&account, &format!("{account} {reference}"))).await;
            assert_eq!(answer.status, 200, "{reference:?}: {answer:?}");
        }
        assert_eq!(bank.amounts(&account).await, [100; 7]);
    });
}

#[test]
fn invisible_characters_are_refused_and_named() {
    const INVISIBLE: [char; 14] = [
        '\u{200b}', '\u{feff}', '\u{ad}', '\u{a0}', '\u{7}', '\u{202e}', '\u{200d}', '\u{2060}', '\u{85}',
        '\u{2028}', '\u{0}', '\n', '\u{7f}', '\u{200e}',
    ];
    with_an_account(async |bank, account| {
        let (mut lines, mut faults) = (String::new(), Faults::default());
        for character in INVISIBLE {
            let job = job(&account, &format!("inv{character}1-{account}"));
            lines += &format!("{job}\n");
            let answer = bank.job(&job).await;
            let name = format!("U+{:04X}", u32::from(character));
            let refused = answer.status == 422 && answer.body.contains(&name);
            let why = format!("{name} is not refused by its name: {answer:?}");
            faults.one_of(&(refused, fields(&answer)), &[(true, vec!["reference".to_owned()])], why);
        }
        faults.none();
        let batch = bank.batch(&[], &lines).await;
        assert_eq!((batch.accepted, batch.refused), (0, INVISIBLE.len()), "{batch:?}");
        let import = bank.import(&lines, "application/x-ndjson", &[]).await;
        assert_eq!(import["accepted"], 0, "{import}");
        let csv =
            format!("kind,account,amount,currency,reference\ndeposit,{account},1.00,EUR,inv\u{200b}1\n");
        let import = bank.import(csv, "text/csv", &[]).await;
        assert!(import["accepted"] == 0 && import.to_string().contains("U+200B"), "{import}");
        assert_eq!(bank.amounts(&account).await, [0; 0]);
    });
}

#[test]
fn a_reference_of_blanks_is_none_or_refused_and_never_one_job_for_all() {
    with_an_account(async |bank, account| {
        let mut taken = 0;
        for blank in ["", " ", "   ", "\t"] {
            let answer = bank.job(&job(&account, blank)).await;
            assert!([200, 422].contains(&answer.status.as_u16()), "{blank:?}: {answer:?}");
            taken += usize::from(answer.status == 200);
        }
        assert_eq!(bank.amounts(&account).await.len(), taken);
    });
}

#[test]
fn a_banks_reference_is_not_a_key() {
    at_the_bank(async |bank| {
        let csv = super::bank::text("X2-reference-repeats-in-one-file/input.csv");
        let map = "currency='EUR', value_date=Date, amount=Amount, reference=Ref";
        for dry in ["false", "true"] {
            let account = bank.account("EUR").await;
            let map = format!("account='{account}', {map}");
            // The first account makes the references known, of which those of a dry run are none.
            let import = bank.import(&csv, "text/csv", &[("map", &map), ("dry_run", dry)]).await;
            let whole = import["state"] == "refused";
            let refused = import["refused"].as_u64().unwrap();
            assert!(whole || [2, 4].contains(&refused), "{import}");
            assert_eq!(import["conflicts"], 0, "{import}");
            if !whole {
                let reasons = import["first_refusals"].to_string();
                // Where the first account has made the references known, the job that has one is named.
                let names_the_other = if refused == 4 { "belongs to the job" } else { "line 2" };
                assert!(reasons.contains("reference") && reasons.contains(names_the_other), "{import}");
            }
            let posted = bank.amounts(&account).await;
            let right = if dry == "true" || whole || refused == 4 { vec![] } else { vec![-350, -50_000] };
            assert_eq!(posted, right, "{import}");
        }
        // Of another account's file no row goes unseen.
        let account = bank.account("EUR").await;
        let import = bank.csv(&csv, &format!("account='{account}', {map}")).await;
        let listed = bank.refused(&import).await;
        let posted = bank.amounts(&account).await;
        for (row, amount) in [("-3.50", -350), ("-9.00", -900), ("-500.00", -50_000), ("-510.00", -51_000)] {
            let seen = posted.contains(&amount) || listed.contains(row) || import["state"] == "refused";
            assert!(seen, "{row} is neither posted nor refused: {import} {listed}");
        }
    });
}

#[test]
fn a_row_that_repeats_the_reference_and_the_content_of_another_is_no_fault() {
    at_the_bank(async |bank| {
        let map = "value_date=Date, amount=Amount, reference=Ref";
        let reference = bank.account("EUR").await;
        let csv = format!(
            "Date,Amount,Ref\n2025-11-03,-3.50,{reference}\n2025-11-03,-3.50,{reference}\n2025-11-04,-1.00,other-{reference}\n"
        );
        let read = bank.read("EUR", map, csv).await;
        let posted: Vec<_> = read.entries.iter().map(|entry| entry.amount).collect();
        assert_eq!(posted, [-350, -100], "a reference names one job: {read}");
        assert_eq!(read.import["conflicts"], 0, "{read}");
    });
}

#[test]
fn rows_that_became_conflicts_are_listed_with_their_lines() {
    with_an_account(async |bank, account| {
        let csv = |amounts: [&str; 3]| {
            let row = |(number, amount): (usize, &str)| format!("2025-11-03,{amount},{account}-{number}\n");
            format!("Date,Amount,Ref\n{}", amounts.into_iter().enumerate().map(row).collect::<String>())
        };
        let map =
            format!("account='{account}', currency='EUR', value_date=Date, amount=Amount, reference=Ref");
        bank.csv(csv(["1.00", "2.00", "3.00"]), &map).await;
        let other = bank.csv(csv(["1.00", "2.50", "3.00"]), &map).await;
        assert_eq!(bank.amounts(&account).await, [100, 200, 300], "{other}");
        assert_eq!((&other["duplicates"], &other["posted"]), (&json!(2), &json!(0)), "{other}");
        let listed = bank.refused(&other).await;
        let rows: Vec<_> = listed.lines().skip(1).collect();
        assert!(
            rows.len() == 1 && rows[0].contains("2.50") && rows[0].contains(&format!("{account}-1")),
            "{listed}"
        );
        let told = format!("{other} {listed}");
        assert!(told.contains("\"line\":3") || told.contains("line 3"), "{told}");
    });
}
