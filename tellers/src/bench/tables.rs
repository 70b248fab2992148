//! The figures as tables, for people.

use std::fmt;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};

use super::figures::{CpuOfLoad, Figures};
use super::scenario::{Row, Scenario};
use super::stages::Stage;

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", machine(self))?;
        write!(f, "\n{}", rates(self))?;
        if !self.stages.is_empty() {
            let offered = self.latency.offered_per_second;
            write!(f, "\n\nwhere the time goes at {offered:.0} single jobs/s\n{}", stages(&self.stages))?;
        }
        if !self.cpu.is_empty() {
            write!(f, "\n\nCPU a job, in microseconds\n{}", cpu(&self.cpu))?;
        }
        for scenario in &self.scenarios {
            write!(f, "\n\n{}", scenario.name)?;
            if !scenario.rows.is_empty() {
                write!(f, "\n{}", rows(scenario))?;
            }
            if let Some(note) = &scenario.note {
                write!(f, "\n{note}")?;
            }
        }
        Ok(())
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table
}

fn machine(figures: &Figures) -> Table {
    let machine = &figures.machine;
    let embedded = || "embedded".to_owned();
    let database = machine.database.as_ref().map_or_else(embedded, |version| {
        let tls = if machine.database_tls == Some(true) { "with TLS" } else { "without TLS" };
        format!("{version}, {tls}")
    });
    let broker = match (&machine.broker, &machine.database) {
        (Some(broker), _) => broker.clone(),
        (None, Some(_)) => "version not known".to_owned(),
        (None, None) => embedded(),
    };
    let mut table = table();
    table.add_row([
        "machine",
        &format!("{} cores, {} MB, {}", machine.cores, machine.memory_mb, machine.kernel),
    ]);
    table.add_row(["tellers", &machine.binary()]);
    table.add_row(["database", &database]);
    table.add_row(["broker", &broker]);
    table
}

fn rates(figures: &Figures) -> Table {
    let Figures { bare_per_second, batches, singles, latency, page_ms: (page_p50, page_p99), .. } = figures;
    let ratios = figures.ratios();
    let mut table = table();
    let mut row = |what: &str, figure: String| {
        table.add_row([what, &figure]);
    };
    match &figures.floor {
        Some(floor) => {
            for run in &floor.runs {
                let connections = if run.connections == 1 { "connection" } else { "connections" };
                row(
                    &format!("naive loop, {} {connections}", run.connections),
                    format!("{:.0} jobs/s", run.per_second),
                );
            }
        }
        None => row("naive loop", "none on the embedded ledger".to_owned()),
    }
    row("bare batch posting", format!("{bare_per_second:.0} jobs/s"));
    if let Some(ratio) = ratios.bare_of_floor {
        row("  of the naive loop's best", format!("{ratio:.2}"));
    }
    row("batches of 100, accepted", format!("{:.0} jobs/s", batches.accepted_per_second));
    row("batches of 100, accepted to posted", format!("{:.0} jobs/s", batches.posted_per_second));
    row("  of the bare rate", format!("{:.2}", ratios.batches_of_bare));
    if let Some(ratio) = ratios.batches_of_floor {
        row("  of the naive loop's best", format!("{ratio:.2}"));
    }
    row("single jobs, accepted", format!("{:.0} jobs/s", singles.accepted_per_second));
    row("single jobs, accepted to posted", format!("{:.0} jobs/s", singles.posted_per_second));
    row(&format!("accepted to posted at {:.0} jobs/s", latency.offered_per_second), latency.to_string());
    row("last page of entries", format!("p50 {page_p50:.1} ms, p99 {page_p99:.1} ms"));
    for (role, resident_mb) in &figures.resident_mb {
        row(&format!("resident memory of {role}"), format!("{resident_mb} MB"));
    }
    table
}

fn stages(stages: &[Stage]) -> Table {
    let mut table = table();
    table.set_header(["stage", "what", "of each", "mean ms", "p99 ms"]);
    for Stage { stage, what, of_each, mean_ms, p99_ms, .. } in stages {
        let (mean, p99) = (format!("{mean_ms:.2}"), format!("{p99_ms:.1}"));
        table.add_row([*stage, *what, *of_each, &mean, &p99]);
    }
    right(table, 3)
}

fn cpu(loads: &[CpuOfLoad]) -> Table {
    let mut table = table();
    let parts = loads.first().map(|load| load.parts.as_slice()).unwrap_or_default();
    table.set_header(std::iter::once("load").chain(parts.iter().map(|part| part.part)));
    for CpuOfLoad { load, parts } in loads {
        let figure = |us: Option<f64>| us.map_or_else(|| "not known".to_owned(), |us| format!("{us:.0}"));
        let figures = parts.iter().map(|part| figure(part.us_per_job));
        table.add_row(std::iter::once((*load).to_owned()).chain(figures));
    }
    right(table, 1)
}

fn rows(scenario: &Scenario) -> Table {
    let mut table = table();
    for Row { what, posted_per_second, ratio, latency } in &scenario.rows {
        let mut cells = vec![what.clone()];
        cells.extend(posted_per_second.map(|rate| format!("{rate:.0} jobs/s")));
        cells.extend(ratio.map(|ratio| format!("{ratio:.2} of the first")));
        cells.extend(
            latency.as_ref().map(|latency| format!("at {:.0}/s: {latency}", latency.offered_per_second)),
        );
        table.add_row(cells);
    }
    table
}

/// Aligns the columns from `first` on as figures are.
fn right(mut table: Table, first: usize) -> Table {
    for column in table.column_iter_mut().skip(first) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use crate::bench::figures::tests::figures;

    #[test]
    fn tables_show_every_figure_with_its_ratio() {
        let shown = figures().to_string();
        for part in
            ["naive loop, 2 connections", "0.60", "0.75", "0.25", "180", "not known", "0.90 of the first"]
        {
            assert!(shown.contains(part), "{part} is missing:\n{shown}");
        }
    }
}
