//! Every adapter of the queue and bus ports keeps their promises.

#![allow(clippy::expect_used, reason = "a broken promise fails the test that found it")]

mod queue {
    mod embedded;
    mod embedded_bus;
    mod embedded_faults;
    mod rabbitmq;
    mod rabbitmq_bus;
    mod rabbitmq_faults;
    mod wire;
}
