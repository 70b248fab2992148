//! Every adapter of the queue and bus ports keeps their promises.

mod queue {
    mod rabbitmq;
    mod rabbitmq_bus;
    mod rabbitmq_faults;
}
