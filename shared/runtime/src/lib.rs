//! What every process needs, whatever its role: telemetry, traces, pools of threads, the clock, and an orderly end.

pub mod addresses;
pub mod clock;
pub mod request_id;
pub mod server_url;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod traces;
pub mod work_pool;
