//! The bus's conformance suite within one process.

use std::sync::Arc;

use fleet::Bus;
use fleet::embedded::EmbeddedBus;
use tests::bus_conformance as suite;

#[tokio::test]
async fn a_bus_keeps_its_promises() {
    let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::default());
    suite::a_broadcast_reaches_everyone(bus.clone(), bus.clone()).await;
    suite::a_message_to_one_replica_reaches_no_other(bus.clone(), bus.clone()).await;
    suite::listeners_do_not_share(bus.clone()).await;
    assert!(bus.connected_since().is_some());
}
