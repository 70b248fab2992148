use async_trait::async_trait;
use fleet::embedded::EmbeddedBus;
use serde_json::json;
use store::StoreError;

use super::*;

/// Records in memory, which may be away.
#[derive(Default)]
pub(crate) struct Memory {
    kept: std::sync::Mutex<Vec<(RecordKind, Record)>>,
    away: std::sync::atomic::AtomicBool,
    /// It does not even answer.
    hangs: std::sync::atomic::AtomicBool,
}

impl Memory {
    fn look(&self) -> Result<std::sync::MutexGuard<'_, Vec<(RecordKind, Record)>>, StoreError> {
        if self.away.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(StoreError::Transient("gone".to_owned()));
        }
        Ok(self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Records for Memory {
    async fn append(&self, kind: RecordKind, at: i64, body: &str) -> Result<u64, StoreError> {
        let mut kept = self.look()?;
        // With gaps, as databases have them.
        let number = kept.len() as u64 * 3 + 5;
        kept.push((kind, Record { number, at, body: body.to_owned() }));
        Ok(number)
    }

    async fn replace(&self, number: u64, body: &str) -> Result<(), StoreError> {
        let mut kept = self.look()?;
        if let Some((_, record)) = kept.iter_mut().find(|(_, record)| record.number == number) {
            body.clone_into(&mut record.body);
        }
        Ok(())
    }

    async fn get(&self, kind: RecordKind, number: u64) -> Result<Option<Record>, StoreError> {
        let kept = self.look()?;
        let found = kept.iter().find(|(of, record)| *of == kind && record.number == number);
        Ok(found.map(|(_, record)| record.clone()))
    }

    async fn list(
        &self,
        kind: RecordKind,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        if self.hangs.load(std::sync::atomic::Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let kept = self.look()?;
        let newest = kept
            .iter()
            .rev()
            .filter(|(of, record)| *of == kind && before.is_none_or(|before| record.number < before));
        Ok(newest.take(limit as usize).map(|(_, record)| record.clone()).collect())
    }

    async fn prune(&self, kind: RecordKind, at: i64) -> Result<u64, StoreError> {
        let mut kept = self.look()?;
        let before = kept.len();
        kept.retain(|(of, record)| *of != kind || record.at >= at);
        Ok((before - kept.len()) as u64)
    }
}

fn control(memory: &Arc<Memory>) -> (Control, Arc<LiveSettings>) {
    let live = Arc::new(LiveSettings::default());
    let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::default());
    (Control::new(memory.clone(), bus, live.clone()), live)
}

async fn change(control: &Control, asked: Value) -> Result<u64, Refused> {
    let cause = Cause { by: "ann".to_owned(), ..Cause::default() };
    control.change(asked.as_object().unwrap(), cause).await
}

#[tokio::test]
async fn a_change_is_in_force_at_once_and_in_the_log() {
    let memory = Arc::new(Memory::default());
    let (control, live) = control(&memory);
    let mut told = control.bus.listen(Topic::Settings).await;
    let version = change(&control, json!({"BATCH_PROCESSING_SIZE": 50})).await.unwrap();
    assert_eq!((live.now().version, live.now().batch_jobs_max()), (version, 50));
    let message: SettingsMessage = serde_json::from_slice(&told.try_recv().unwrap()).unwrap();
    assert_eq!((message.version, &message.changes["BATCH_PROCESSING_SIZE"]), (version, &json!(50)));
    let audit = control.audit(10).await.unwrap();
    assert_eq!((audit[0].0.number, audit[0].1.by.as_str()), (version, "ann"));
    assert_eq!(audit[0].1.changed(), [("BATCH_PROCESSING_SIZE".to_owned(), None, Some(json!(50)))]);
}

#[tokio::test]
async fn one_wrong_value_changes_nothing() {
    let memory = Arc::new(Memory::default());
    let (control, live) = control(&memory);
    let refused = change(&control, json!({"LINGER_MS": 5, "BATCH_PROCESSING_SIZE": 0})).await.unwrap_err();
    assert!(matches!(&refused, Refused::Invalid(refusals) if refusals.len() == 1), "{refused}");
    assert_eq!((live.now().version, control.audit(10).await.unwrap().len()), (0, 0));
}

#[tokio::test]
async fn what_can_not_be_kept_is_not_changed() {
    let memory = Arc::new(Memory::default());
    let (control, live) = control(&memory);
    memory.away.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(change(&control, json!({"LINGER_MS": 5})).await, Err(Refused::Away(_))));
    assert_eq!(live.now().version, 0);
}

#[tokio::test]
async fn undo_takes_back_what_one_change_changed_and_no_more() {
    let memory = Arc::new(Memory::default());
    let (control, live) = control(&memory);
    let first = change(&control, json!({"LINGER_MS": 5})).await.unwrap();
    change(&control, json!({"BATCH_PROCESSING_SIZE": 50})).await.unwrap();
    let (undone, _) = control.undo(Some(first), false, Cause::default()).await.unwrap();
    assert_eq!(undone, first);
    assert_eq!((live.now().linger().as_millis(), live.now().batch_jobs_max()), (20, 50));
    assert!(matches!(
        control.undo(Some(first), false, Cause::default()).await,
        Err(Refused::UndoneAlready(_))
    ));
    // The newest that is not undone, then none.
    control.undo(None, false, Cause::default()).await.unwrap();
    assert_eq!(live.now().batch_jobs_max(), 100);
    assert!(matches!(control.undo(None, false, Cause::default()).await, Err(Refused::NothingToUndo)));
    assert!(matches!(control.undo(Some(1), false, Cause::default()).await, Err(Refused::NoSuchVersion(1))));
}

#[tokio::test]
async fn a_lane_is_not_resumed_by_undoing_its_pause() {
    let memory = Arc::new(Memory::default());
    let (control, _) = control(&memory);
    let pause = LanePause { by: "ann".to_owned(), reason: "a bad file".to_owned(), since: 7 };
    control.pause(3, Some(pause), Cause::default()).await.unwrap();
    let (paused, _) = control.in_force();
    control.pause(3, None, Cause::default()).await.unwrap();
    let (resumed, _) = control.in_force();
    for version in [paused, resumed] {
        let refused = control.undo(Some(version), false, Cause::default()).await.unwrap_err();
        assert!(matches!(refused, Refused::OfALane(_)), "{refused}");
        assert!(refused.to_string().contains("`tellers lanes resume LANE`"), "{refused}");
    }
    assert_eq!(control.in_force().0, resumed, "nothing is changed");
}

#[tokio::test]
async fn the_next_monitor_goes_on_with_what_was_changed() {
    let memory = Arc::new(Memory::default());
    let version = change(&control(&memory).0, json!({"LINGER_MS": 5})).await.unwrap();
    let (next, live) = control(&memory);
    next.read().await.unwrap();
    next.tell().await;
    assert_eq!((live.now().version, live.now().linger().as_millis()), (version, 5));
}

#[tokio::test]
async fn undo_of_optimize_passes_over_what_people_changed() {
    let memory = Arc::new(Memory::default());
    let (control, live) = control(&memory);
    let optimized = Cause { optimized: true, ..Cause::default() };
    let asked = json!({"LINGER_MS": 40});
    control.change(asked.as_object().unwrap(), optimized).await.unwrap();
    change(&control, json!({"BATCH_PROCESSING_SIZE": 50})).await.unwrap();
    control.undo(None, true, Cause::default()).await.unwrap();
    assert_eq!((live.now().linger().as_millis(), live.now().batch_jobs_max()), (20, 50));
}

#[tokio::test]
async fn what_is_in_force_is_known_at_once_while_the_database_does_not_answer() {
    let memory = Arc::new(Memory::default());
    let (control, _) = control(&memory);
    let version = change(&control, json!({"LINGER_MS": 5})).await.unwrap();
    memory.hangs.store(true, std::sync::atomic::Ordering::Relaxed);
    tokio::select! {
        biased;
        _ = change(&control, json!({"LINGER_MS": 6})) => panic!("the database does not answer"),
        known = async { control.in_force().0 } => assert_eq!(known, version),
    }
}
