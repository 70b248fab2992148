//! What it costs to watch: a monitor that takes from what it watches is a part of the trouble.

use std::fs;

use anyhow::Context as _;
use serde_json::Value;
use tests::cluster::Cluster;
use tests::status::spread;

use crate::figures::send_and_time;
use crate::{drained, status};

const WORKERS: usize = 6;
const SPREAD_WITHIN: std::time::Duration = std::time::Duration::from_secs(40);
/// Of one core, with 16 lanes and 8 replicas.
const CPU_SHARE_MAX: f64 = 0.03;
const MEMORY_BYTES_MAX: u64 = 100 << 20;
/// Of the times in `/proc`.
const TICKS_PER_SECOND: f64 = 100.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watching_eight_replicas_costs_next_to_nothing() {
    let cluster = Cluster::start(WORKERS).await.unwrap();
    let monitor = cluster.monitor_client().unwrap();
    spread(&monitor, WORKERS, SPREAD_WITHIN).await.unwrap();
    drained(&monitor).await.unwrap();

    let (started, before) = (std::time::Instant::now(), cpu_seconds(cluster.monitor.pid()).unwrap());
    send_and_time(&cluster.client).await.unwrap();
    let used = cpu_seconds(cluster.monitor.pid()).unwrap() - before;
    let share = used / started.elapsed().as_secs_f64();

    let status = status(&monitor).await.unwrap();
    let replicas = status["replicas"].as_array().unwrap();
    assert_eq!((replicas.len(), status["lanes"].as_array().map(Vec::len)), (8, Some(16)), "{status}");
    let memory = memory_bytes(replicas).unwrap();
    eprintln!("the monitor of 8 replicas uses {:.1} % of a core and {memory} bytes", 100.0 * share);
    assert!(memory < MEMORY_BYTES_MAX, "the monitor uses {memory} bytes");
    // A build without optimisations takes many times as long for the same.
    assert!(cfg!(debug_assertions) || share < CPU_SHARE_MAX, "the monitor uses {share} of a core");
}

/// User's and system's, since the process started.
fn cpu_seconds(pid: i32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let ticks = |at: usize| -> anyhow::Result<f64> {
        Ok(fields.split_whitespace().nth(at).context("too few fields")?.parse()?)
    };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

fn memory_bytes(replicas: &[Value]) -> anyhow::Result<u64> {
    let monitor = replicas.iter().find(|replica| replica["role"] == "monitor").context("no monitor")?;
    monitor["resources"]["memory_bytes"].as_u64().context("it does not tell its memory")
}
