//! Publishes 0, 1, 2, … to the embedded queue at `<file>` and says which are confirmed, a line each,
//! until it is killed: the victim of a crash test.

#![allow(clippy::print_stdout, reason = "its parent reads what is confirmed")]

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use queue::Queue as _;
use queue::embedded::{EmbeddedQueue, EmbeddedSettings};
use tests::queue_conformance::{LANE, lanes};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let file = PathBuf::from(std::env::args_os().nth(1).context("which file?")?);
    let queue = EmbeddedQueue::open(&file, EmbeddedSettings::new(lanes())).await?;
    for number in 0_u64.. {
        queue.publish(LANE, number.to_string().into(), 1).await?;
        println!("{number}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
