//! The same file again is the same, however it is packed or described.

use serde_json::{Value, json};

use super::bank::{Bank, assert_one_of, at_the_bank, gzip, text, with_an_account};

const FIELDS: &str = "currency='EUR', value_date=Date, amount=Amount";

fn utf_16(text: &str) -> Vec<u8> {
    [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// An account into which `file` was imported once.
async fn imported(bank: &Bank, file: &str) -> (String, String) {
    let account = bank.account("EUR").await;
    let map = format!("account='{account}', {FIELDS}");
    let import = bank.csv(file, &map).await;
    assert_eq!(import["posted"], 2, "{import}");
    (account, map)
}

#[track_caller]
fn assert_the_same(import: &Value, how: &str) {
    assert_eq!(import["state"], "done", "{how}: {import}");
    let counts = [&import["posted"], &import["duplicates"], &import["conflicts"]];
    assert_eq!(counts, [0, 2, 0].map(|count| json!(count)).each_ref(), "{how}: {import}");
}

#[test]
fn the_same_file_again_is_the_same_however_it_is_packed_or_described() {
    at_the_bank(async |bank| {
        let csv = text("C9-the-same-file-again/input.csv");
        let (account, map) = imported(bank, &csv).await;
        assert_the_same(&bank.csv(&csv, &map).await, "the same bytes, the same map");
        let stated = format!("{map}, charset=utf-8");
        let tight = map.replace(", ", ",");
        let files: [(&str, Vec<u8>, &str); 8] = [
            ("packed", gzip(&csv, 0), &map),
            ("packed at another second", gzip(&csv, 7), &map),
            ("a blank more in the map", csv.clone().into(), &format!("{map} ")),
            ("fewer blanks in the map", csv.clone().into(), &tight),
            ("what was found is stated", csv.clone().into(), &stated),
            ("other ends of lines", csv.replace('\n', "\r\n").into(), &map),
            ("a byte order mark", format!("\u{feff}{csv}").into(), &map),
            ("an empty line at the end", format!("{csv}\n").into(), &map),
        ];
        for (how, file, map) in files {
            assert_the_same(&bank.csv(file, map).await, how);
        }
        assert_eq!(bank.balance(&account).await, 600);
    });
}

#[test]
fn an_export_that_was_made_anew_names_the_import_whose_rows_it_shares() {
    with_an_account(async |bank, account| {
        let map = format!("account='{account}', {FIELDS}");
        // Rows that no other case has, under the line that tells the time.
        let export = |time: &str, more: &str| {
            format!(
                "Exported 2025-11-05 {time};\nDate,Amount\n2025-11-03,{}.10\n2025-11-04,-4.17\n{more}",
                1 + account.len()
            )
        };
        let first = bank.csv(export("10:00", ""), &map).await;
        assert_eq!(first["posted"], 2, "{first}");
        assert_eq!(first["shares"].as_array().map_or(0, Vec::len), 0, "{first}");
        let shares = json!({"import": first["id"], "rows": 2});
        let query = [("map", map.as_str()), ("dry_run", "true")];
        let dry = bank.import(export("10:01", ""), "text/csv", &query).await;
        assert!(dry["shares"].as_array().is_some_and(|shared| shared.contains(&shares)), "{dry}");
        let again = bank.csv(export("10:01", ""), &map).await;
        let warned = again["shares"].as_array().is_some_and(|shared| shared.contains(&shares));
        assert!(warned, "{again}");
        let longer = bank.csv(export("10:02", "2025-11-05,8.19\n"), &map).await;
        assert!(longer["shares"].as_array().is_some_and(|shared| shared.contains(&shares)), "{longer}");
    });
}

#[test]
fn other_wrappings_of_the_same_file_are_the_same_too() {
    at_the_bank(async |bank| {
        let csv = text("C9-the-same-file-again/input.csv");
        let (account, map) = imported(bank, &csv).await;
        let quoted = csv.replace("2025-11-03,10.00", "\"2025-11-03\",\"10.00\"");
        let all_quoted: String =
            csv.lines().map(|line| format!("\"{}\"\n", line.replace(',', "\",\""))).collect();
        let files: [(&str, Vec<u8>); 12] = [
            ("no end of the last line", csv.trim_end().into()),
            ("many empty lines at the end", format!("{csv}\r\n\n\n").into()),
            ("an empty line between rows", csv.replace("10.00\n", "10.00\n\n").into()),
            ("an empty line in front", format!("\n{csv}").into()),
            ("UTF-16", utf_16(&csv)),
            (
                "UTF-16 the other way round",
                utf_16(&csv).chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect(),
            ),
            ("UTF-16, packed", gzip(utf_16(&csv), 3)),
            ("mark and ends of lines", format!("\u{feff}{}", csv.replace('\n', "\r\n")).into()),
            ("some cells in quotes", quoted.into()),
            ("all cells in quotes", all_quoted.into()),
            ("packed in two members", [gzip(&csv[..9], 0), gzip(&csv[9..], 1)].concat()),
            ("an empty row of separators", format!("{csv},\n").into()),
        ];
        for (how, file) in files {
            let import = bank.csv(file, &map).await;
            // A row of separators alone is passed over or refused.
            assert_eq!((&import["posted"], &import["duplicates"]), (&json!(0), &json!(2)), "{how}: {import}");
        }
        assert_eq!(bank.balance(&account).await, 600);
    });
}

#[test]
fn what_a_map_means_is_what_counts() {
    at_the_bank(async |bank| {
        let csv = text("C9-the-same-file-again/input.csv");
        let (account, map) = imported(bank, &csv).await;
        let json_map = json!({
            "account": {"value": account}, "currency": {"value": "EUR"}, "value_date": "Date", "amount": "Amount",
        });
        let turned = format!("amount=Amount, value_date=Date, currency='EUR', account='{account}'");
        for other in [
            json_map.to_string(),
            turned,
            format!("{map}, separator=comma"),
            format!("{map}, decimal=point"),
            format!("{map}, date=YYYY-MM-DD"),
            format!("{map}, header=true"),
            map.replace('=', " = "),
            map.replace(", ", ",\n"),
        ] {
            assert_the_same(&bank.csv(&csv, &other).await, &other);
        }
        for query in [
            vec![("map", map.as_str()), ("format", "csv")],
            vec![("map", map.as_str()), ("charset", "utf-8")],
            vec![("map", map.as_str()), ("name", "other.csv")],
        ] {
            assert_the_same(
                &bank.import(&csv, "application/octet-stream", &query).await,
                &format!("{query:?}"),
            );
        }
        assert_eq!(bank.balance(&account).await, 600);
    });
}

#[test]
fn a_file_in_another_charset_is_the_same_file() {
    with_an_account(async |bank, account| {
        let map = format!("account='{account}', {FIELDS}, memo=Text");
        let csv = "Date,Text,Amount\n2025-11-03,Müller,10.00\n2025-11-04,Größe,-4.00\n";
        assert_eq!(bank.csv(csv, &map).await["posted"], 2);
        let latin: Vec<u8> = csv.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
        assert_the_same(&bank.csv(&latin, &map).await, "found to be Windows-1252");
        assert_the_same(&bank.csv(&latin, &format!("{map}, charset=windows-1252")).await, "Windows-1252");
        assert_the_same(&bank.csv(&latin, &format!("{map}, charset=iso-8859-1")).await, "Latin-1");
        assert_the_same(&bank.csv(utf_16(csv), &map).await, "UTF-16");
        assert_eq!(bank.balance(&account).await, 600);
    });
}

#[test]
fn ndjson_in_other_wrappings_is_the_same_file() {
    with_an_account(async |bank, account| {
        let line = |amount: i64| super::bank::deposit(&account, amount).to_string();
        let file = format!("{}\n{}\n", line(100), line(500));
        let ndjson = "application/x-ndjson";
        assert_eq!(bank.import(&file, ndjson, &[]).await["posted"], 2);
        let files: [(&str, Vec<u8>); 7] = [
            ("packed", gzip(&file, 9)),
            ("other ends of lines", file.replace('\n', "\r\n").into()),
            ("a byte order mark", format!("\u{feff}{file}").into()),
            ("empty lines", file.replace('\n', "\n\n").into()),
            ("an empty line in front", format!("\n{file}").into()),
            ("UTF-16", utf_16(&file)),
            ("no end of the last line", file.trim_end().into()),
        ];
        for (how, file) in files {
            assert_the_same(&bank.import(file, ndjson, &[]).await, how);
        }
        assert_the_same(
            &bank.import(&file, "text/plain", &[("format", "ndjson")]).await,
            "the format is stated",
        );
        assert_eq!(bank.balance(&account).await, 600);
    });
}

#[test]
fn a_setting_more_makes_new_jobs_of_no_row_that_it_does_not_change() {
    with_an_account(async |bank, account| {
        let map = format!("account='{account}', currency='EUR', value_date=Date, amount=Amount, memo=Text");
        // Two rows alike, one that nobody reads, one with a quote of its own, one of another charset, and the totals.
        let file = b"Statement 7\nDate,Amount,Text,State\n2025-11-03,10.00,Rent,booked\n2025-11-03,,Note,open\n\
            2025-11-03,1.00,\"Caf\xe6, 2\",booked\n2025-11-03,10.00,Rent,booked\n2025-11-04,2.00,\"disk,booked\n\
            2025-11-05,7.00,Bank,booked\nTotal,30.00,,\n";
        let first = bank.csv(file, &map).await;
        assert_eq!((&first["posted"], &first["refused"]), (&json!(4), &json!(3)), "{first}");
        let balance = bank.balance(&account).await;
        let more = [
            "require=Amount",
            "require=State",
            "keep=State:booked",
            "ignore=State:open",
            "ignore=Date:Total",
            "stop=Total",
            "stop=Total, require=Amount, keep=State:booked",
            "charset=windows-1252",
            "charset=iso-8859-2",
            "skip_lines=1",
            "separator=','",
        ];
        for more in more {
            let again = bank.csv(file, &format!("{map}, {more}")).await;
            assert_eq!(again["state"], "done", "{more}: {again}");
            // One more row is another text in another charset.
            let new = json!(u64::from(more == "charset=iso-8859-2"));
            assert_eq!((&again["posted"], &again["conflicts"]), (&new, &json!(0)), "{more}: {again}");
        }
        let balance = balance + 100;
        assert_eq!(bank.balance(&account).await, balance);
        // Without quotes the comma of one text separates, and the row that a quote spoilt is read at last.
        let unquoted = bank.csv(file, &format!("{map}, quote=none")).await;
        assert_eq!((&unquoted["posted"], &unquoted["duplicates"]), (&json!(1), &json!(3)), "{unquoted}");
        assert_eq!(bank.balance(&account).await, balance + 200);
    });
}

#[test]
fn another_file_is_another() {
    at_the_bank(async |bank| {
        let csv = text("C9-the-same-file-again/input.csv");
        let (account, map) = imported(bank, &csv).await;
        // Equal rows of one file are as many payments, and a payment more makes another file of it.
        let twice = format!("{csv}2025-11-04,-4.00\n");
        let import = bank.csv(&twice, &map).await;
        assert_eq!(import["conflicts"], 0, "{import}");
        let (other, _) = imported(bank, &csv).await;
        assert_eq!(bank.balance(&other).await, 600, "of another account");
        let turned = bank.csv(&csv, &format!("{map}, sign=positive_out")).await;
        assert_one_of(&turned["posted"], &[json!(2)], &turned);
        let three = bank.read("EUR", "value_date=Date, amount=Amount", twice).await;
        assert_eq!(three.amounts(), [Some(1_000), Some(-400), Some(-400)], "{}", three.import);
        assert!(bank.balance(&account).await != 600);
    });
}

#[test]
fn the_same_file_as_a_form_is_the_same_file() {
    at_the_bank(async |bank| {
        let csv = text("C9-the-same-file-again/input.csv");
        let (account, map) = imported(bank, &csv).await;
        let form = format!(
            "--B\r\nContent-Disposition: form-data; name=\"map\"\r\n\r\n{map}\r\n\
             --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n{csv}\r\n--B--\r\n"
        );
        let answer = bank.client.post("/api/imports", "multipart/form-data; boundary=B", form).await.unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
        // The command sends a file so; it waits for the end.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, &csv).unwrap();
        let path = path.to_string_lossy().into_owned();
        let said = bank
            .fleet
            .run_ok(&["import", &path, "--map", &map, "--api-url", &bank.url(), "--json"])
            .await
            .unwrap();
        assert_the_same(&serde_json::from_str(&said).unwrap(), "by the command");
        assert_eq!(bank.balance(&account).await, 600);
    });
}
