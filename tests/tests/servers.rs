//! The harness keeps its own promises: servers come back with their data, and leave nothing behind.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;
use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use sqlx::{Connection as _, Executor as _, MySqlConnection};
use tests::sandbox::Sandbox;
use tests::servers::{MariaDb, MariaDbOptions, RabbitMq, fresh_database, fresh_vhost};
use tests::wait::until;

#[tokio::test]
async fn a_killed_broker_comes_back_with_its_messages() {
    let mut broker = RabbitMq::start().await.unwrap();
    let url = broker.url();
    {
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare("kept".into(), durable, FieldTable::default()).await.unwrap();
        let persistent = BasicProperties::default().with_delivery_mode(2);
        channel
            .basic_publish("".into(), "kept".into(), BasicPublishOptions::default(), b"job", persistent)
            .await
            .unwrap()
            .await
            .unwrap();
    }
    broker.write_down_queues().await.unwrap();
    broker.kill().unwrap();
    assert!(Connection::connect(&url, ConnectionProperties::default()).await.is_err());
    broker.restart().await.unwrap();
    assert_eq!(broker.url(), url);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let message = channel.basic_get("kept".into(), BasicGetOptions::default()).await.unwrap();
    assert_eq!(message.expect("the message survived").delivery.data, b"job");
}

#[tokio::test]
async fn a_killed_database_comes_back_with_its_rows() {
    let mut server = MariaDb::start_with(MariaDbOptions { buffer_pool_mib: 64, tls: None }).await.unwrap();
    let url = server.url();
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    let pool: i64 = sqlx::query_scalar("SELECT CAST(@@innodb_buffer_pool_size AS SIGNED)")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(pool, 64 << 20);
    connection.execute("CREATE TABLE kept (n INT PRIMARY KEY)").await.unwrap();
    connection.execute("INSERT INTO kept VALUES (7)").await.unwrap();
    server.kill().unwrap();
    assert!(MySqlConnection::connect(&url).await.is_err());
    server.restart().await.unwrap();
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    let row: i32 = sqlx::query_scalar("SELECT n FROM kept").fetch_one(&mut connection).await.unwrap();
    assert_eq!(row, 7);
}

#[tokio::test]
async fn tests_that_share_servers_do_not_meet() {
    let (one, other) = (fresh_database().await.unwrap(), fresh_database().await.unwrap());
    assert_ne!(one, other);
    let mut connection = MySqlConnection::connect(&one).await.unwrap();
    connection.execute("CREATE TABLE mine (n INT PRIMARY KEY)").await.unwrap();
    let mut connection = MySqlConnection::connect(&other).await.unwrap();
    connection.execute("CREATE TABLE mine (n INT PRIMARY KEY)").await.unwrap();

    let vhost = fresh_vhost().await.unwrap();
    let connection = Connection::connect(&vhost.url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions::default();
    let queue =
        channel.queue_declare("tellers.lane.00".into(), options, FieldTable::default()).await.unwrap();
    assert_eq!(queue.message_count(), 0);
}

#[tokio::test]
async fn a_sandbox_leaves_neither_processes_nor_files() {
    let sandbox = Sandbox::new("leaves-nothing").unwrap();
    let folder = sandbox.path().to_owned();
    let mut command = Command::new("/bin/sh");
    // A child of the process, which a kill of the process alone would leave behind.
    command.args(["-c", "tail -f /dev/null & echo child $!; wait"]);
    let process = sandbox.spawn("parent", command).unwrap();
    let child = until("the child is named", Duration::from_secs(10), async || {
        let output = process.output();
        let pid = output.trim().strip_prefix("child ").map(str::to_owned);
        pid.ok_or_else(|| anyhow::anyhow!("the output is {output:?}"))
    })
    .await
    .unwrap();
    let child = Path::new("/proc").join(child);
    drop((process, sandbox));
    assert!(!folder.exists(), "{} is left", folder.display());
    until("the child is gone", Duration::from_secs(10), async || {
        // A zombie that nobody reaps has ended all the same.
        let state = std::fs::read_to_string(child.join("status")).unwrap_or_default();
        ensure!(state.is_empty() || state.contains("State:\tZ"), "its state: {state}");
        Ok(())
    })
    .await
    .unwrap();
}
