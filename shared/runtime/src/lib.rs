//! What every process needs, whatever its role: telemetry, pools of threads, the clock, and an orderly end.

pub mod addresses;
pub mod clock;
pub mod server_url;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod work_pool;
