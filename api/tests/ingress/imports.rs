//! Files that are read: what is queued of them, and when nothing is.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use api::Config;
use api::imports::ImportsConfig;
use axum::body::Body;
use axum::http::Request;
use store::imports::{ImportState, Imports as _};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::fakes::Takes;
use crate::harness::{World, post};
use crate::patience::until;
use crate::rigged::{RiggedImports, Writes};

const CSV: &str =
    "kind,account,amount,currency\ndeposit,alice,5,EUR\ndeposit,bob,7,EUR\ndeposit,carol,9,EUR\n";
/// The first of a database.
const NUMBER: u64 = 1;

/// An ingress with a file that has come in; nothing is read yet.
struct Desk {
    world: World,
    imports: Arc<RiggedImports>,
    folder: TempDir,
}

impl Desk {
    async fn new(limits: ImportsConfig) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let imports = Arc::new(RiggedImports::new(folder.path()).await);
        let limits = ImportsConfig { folder: folder.path().join("imports"), ..limits };
        let world =
            World::with_imports(Config { imports: limits, ..Config::default() }, imports.clone()).await;
        let answer = world.ask(post("/api/imports", &[("content-type", "text/csv")], CSV)).await;
        assert_eq!((answer.status.as_u16(), &answer.body["id"]), (202, &NUMBER.into()), "{answer:?}");
        Desk { world, imports, folder }
    }

    /// Begins to read.
    fn open(&self) -> JoinHandle<()> {
        tokio::spawn(self.world.ingress.clone().run_imports())
    }

    async fn delete(&self) {
        let request = Request::delete(format!("/api/imports/{NUMBER}")).body(Body::empty()).unwrap();
        assert_eq!(self.world.ask(request).await.status, 202);
    }

    fn files(&self) -> usize {
        self.folder.path().join("imports").read_dir().unwrap().count()
    }

    async fn close(self, reading: JoinHandle<()>) {
        self.world.shutdown.cancel();
        reading.await.unwrap();
    }
}

#[tokio::test]
async fn an_import_that_waits_for_its_turn_is_cancelled_there() {
    // Nobody's turn ever comes.
    let desk = Desk::new(ImportsConfig { at_once: 0, ..ImportsConfig::default() }).await;
    let reading = desk.open();
    let first = desk.imports.import(NUMBER).await.unwrap().unwrap().updated_at;
    desk.imports.until(NUMBER, "it is said that it waits", |import| import.updated_at > first).await;
    desk.delete().await;
    let ended = |import: &store::imports::Import| import.progress.state == ImportState::Cancelled;
    let import = desk.imports.until(NUMBER, "it is cancelled", ended).await;
    assert_eq!(import.started_at, None, "it was never read");
    until("its file is removed", || (desk.files() == 0).then_some(())).await;
    desk.close(reading).await;
}

#[tokio::test]
async fn nothing_of_a_file_is_queued_that_was_cancelled_before_it_is_read() {
    let desk = Desk::new(ImportsConfig::default()).await;
    desk.delete().await;
    let reading = desk.open();
    let ended = |import: &store::imports::Import| import.progress.state.has_ended();
    let import = desk.imports.until(NUMBER, "it has ended", ended).await;
    assert_eq!(import.progress.state, ImportState::Cancelled);
    assert!(desk.world.queue.jobs().is_empty());
    desk.close(reading).await;
}

#[tokio::test]
async fn no_row_is_queued_before_it_is_known_that_the_import_is_ours() {
    let desk = Desk::new(ImportsConfig::default()).await;
    desk.imports.writes.send_replace(Writes::Held);
    let reading = desk.open();
    until("it is to be written down", || (desk.imports.checkpoints.load(Relaxed) > 0).then_some(())).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    until("the file is read", || (desk.world.io.report().in_use == 0).then_some(())).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(desk.world.queue.jobs().is_empty(), "nobody has said so");
    desk.imports.writes.send_replace(Writes::Made);
    until("its rows are queued", || (desk.world.queue.jobs().len() == 3).then_some(())).await;
    desk.close(reading).await;
}

#[tokio::test]
async fn an_import_of_which_nothing_can_be_written_down_fails_and_says_why() {
    let desk = Desk::new(ImportsConfig::default()).await;
    desk.imports.writes.send_replace(Writes::Refused);
    let reading = desk.open();
    let ended = |import: &store::imports::Import| import.progress.state.has_ended();
    let import = desk.imports.until(NUMBER, "it has ended", ended).await;
    assert_eq!(import.progress.state, ImportState::Failed);
    assert!(import.progress.remark.unwrap().contains("too long"), "why");
    until("its file is removed", || (desk.files() == 0).then_some(())).await;
    desk.close(reading).await;
}

#[tokio::test]
async fn an_import_that_waited_for_the_ledger_does_not_say_so_for_ever() {
    let desk = Desk::new(ImportsConfig { ahead_rows_max: 2, ..ImportsConfig::default() }).await;
    desk.world.queue.takes.send_replace(Takes::Nothing);
    desk.imports.uncountable.send_replace(true);
    let reading = desk.open();
    let waits = |import: &store::imports::Import| {
        import.progress.remark.as_deref().is_some_and(|why| why.starts_with("waits for the ledger"))
    };
    desk.imports.until(NUMBER, "it says what it waits for", waits).await;
    desk.imports.uncountable.send_replace(false);
    desk.imports.until(NUMBER, "it waits for something else", |import| !waits(import)).await;
    desk.world.queue.takes.send_replace(Takes::All);
    desk.close(reading).await;
}
