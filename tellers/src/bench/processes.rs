//! The CPU that a job costs, process by process, as the system counts it: the fleet's own processes, which are known, and
//! the broker and the database where they run on this machine, which are found by the port that they listen on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::servers::ServerUrl;

/// What the kernel counts processor time in, on every Linux: a hundredth of a second.
const TICK_US: f64 = 10_000.0;
/// What holds a port for a server in a container, where its processes cannot be known by it.
const FORWARDERS: [&str; 2] = ["docker-proxy", "rootlesskit"];

/// The processes of each part, by the part's name; `None`: not known.
#[derive(Debug)]
pub(crate) struct Processes(Vec<(&'static str, Option<Vec<u32>>)>);

/// Processor time that the parts had used at one time, in ticks.
#[derive(Debug, Clone)]
pub(crate) struct CpuTimes(Vec<(&'static str, Option<u64>)>);

/// Processor time of a job in one part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct CpuOfPart {
    pub(crate) part: &'static str,
    /// `None`: it does not run on this machine, or it ended.
    pub(crate) us_per_job: Option<f64>,
}

impl Processes {
    /// Of these own processes, and of whatever serves these URLs on this machine.
    pub(crate) fn find(own: Vec<(&'static str, u32)>, servers: &[(&'static str, &ServerUrl)]) -> Processes {
        let mut parts: Vec<(&'static str, Option<Vec<u32>>)> =
            own.into_iter().map(|(part, pid)| (part, Some(vec![pid]))).collect();
        parts.extend(servers.iter().map(|(part, server)| (*part, listening_here(server))));
        parts.push(("load generator", Some(vec![std::process::id()])));
        Processes(parts)
    }

    /// What they and the processes that they started have used until now. The load generator's children are the fleet, which
    /// counts by itself.
    pub(crate) fn cpu_times(&self) -> CpuTimes {
        let all = Stat::of_all();
        let ticks = |(part, pids): &(&'static str, Option<Vec<u32>>)| {
            let pids = pids.as_ref();
            let used = if *part == "load generator" {
                pids.and_then(|pids| pids.iter().map(|pid| Some(all.get(pid)?.ticks)).sum())
            } else {
                pids.and_then(|pids| with_children(pids, &all))
            };
            (*part, used)
        };
        CpuTimes(self.0.iter().map(ticks).collect())
    }
}

impl CpuTimes {
    /// What each of so many jobs has cost since `before`.
    #[allow(clippy::cast_precision_loss)] // Some thousands of ticks, some millions of jobs.
    pub(crate) fn of_jobs_since(&self, before: &CpuTimes, jobs: u64) -> Vec<CpuOfPart> {
        let parts = self.0.iter().zip(&before.0);
        parts
            .map(|((part, now), (_, then))| {
                let used = now.zip(*then).and_then(|(now, then)| now.checked_sub(then));
                let us_per_job = used.map(|ticks| ticks as f64 * TICK_US / jobs.max(1) as f64);
                CpuOfPart { part, us_per_job }
            })
            .collect()
    }
}

/// The processes that listen on the port of a server, if that is this machine's.
fn listening_here(server: &ServerUrl) -> Option<Vec<u32>> {
    if !server.is_here() {
        return None;
    }
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: BTreeSet<String> = tables.iter().flat_map(|table| sockets_on(table, server.port)).collect();
    let has_one = |pid: &u32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let is_one = |file: &Path| {
            fs::read_link(file).is_ok_and(|to| to.to_str().is_some_and(|to| sockets.contains(to)))
        };
        files.into_iter().any(|file| is_one(&file.path()))
    };
    let is_server = |pid: &u32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        !FORWARDERS.contains(&name.trim())
    };
    let found: Vec<u32> = pids().filter(has_one).filter(is_server).collect();
    (!found.is_empty()).then_some(found)
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The sockets that listen on `port`, as links to them are written, out of a table as `/proc/net/tcp` has it.
/// <https://docs.kernel.org/networking/proc_net_tcp.html>
fn sockets_on(table: &str, port: u16) -> Vec<String> {
    const LISTENS: &str = "0A";
    let wanted = format!("{port:04X}");
    let socket = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (_, listens_on) = fields.get(1)?.rsplit_once(':')?;
        (listens_on == wanted && *fields.get(3)? == LISTENS).then_some(())?;
        Some(format!("socket:[{}]", fields.get(9)?))
    };
    table.lines().skip(1).filter_map(socket).collect()
}

/// What `/proc/PID/stat` says, as far as it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// In user and in kernel mode.
    ticks: u64,
}

impl Stat {
    fn of_all() -> HashMap<u32, Stat> {
        let stat =
            |pid: u32| Some((pid, Stat::read(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?));
        pids().filter_map(stat).collect()
    }

    /// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
    fn read(text: &str) -> Option<Stat> {
        // The second field is a name in brackets, which may have anything within.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<_> = fields.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Stat { parent: u32::try_from(number(4)?).ok()?, ticks: number(14)? + number(15)? })
    }
}

/// What these processes and all that descend from them have used; `None`: one has ended.
fn with_children(roots: &[u32], all: &HashMap<u32, Stat>) -> Option<u64> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (pid, stat) in all {
        children.entry(stat.parent).or_default().push(*pid);
    }
    let (mut family, mut next) = (BTreeSet::new(), roots.to_vec());
    while let Some(pid) = next.pop() {
        if family.insert(pid) {
            next.extend(children.get(&pid).into_iter().flatten());
        }
    }
    family.iter().map(|pid| Some(all.get(pid)?.ticks)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_found_by_the_port_that_it_listens_on() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 0100007F:A91A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 48111 1 0\n   \
            1: 0100007F:A91A 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 48112 1 0\n   \
            2: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 48113 1 0\n";
        assert_eq!(sockets_on(table, 43_290), ["socket:[48111]"]);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("mysql://root@{}/x", listener.local_addr().unwrap());
        let server = ServerUrl::read(&url, 3306).unwrap();
        assert_eq!(listening_here(&server), Some(vec![std::process::id()]));
        assert_eq!(listening_here(&ServerUrl::read("mysql://192.0.2.1/x", 3306).unwrap()), None);
    }

    #[test]
    fn processor_time_is_that_of_a_process_and_of_those_that_it_started() {
        let stat = "42 (a ) b) S 7 42 42 0 -1 4194560 1 0 0 0 250 30 5 5 20 0 9 0 100 1 2";
        assert_eq!(Stat::read(stat), Some(Stat { parent: 7, ticks: 280 }));
        let all = HashMap::from([
            (1, Stat { parent: 0, ticks: 1_000 }),
            (7, Stat { parent: 1, ticks: 10 }),
            (42, Stat { parent: 7, ticks: 280 }),
            (43, Stat { parent: 42, ticks: 5 }),
        ]);
        assert_eq!(with_children(&[7], &all), Some(295));
        assert_eq!(with_children(&[8], &all), None);
        let (before, after) = (
            CpuTimes(vec![("worker", Some(5)), ("broker", None)]),
            CpuTimes(vec![("worker", Some(25)), ("broker", None)]),
        );
        let of_jobs = after.of_jobs_since(&before, 1_000);
        assert_eq!(of_jobs.iter().map(|part| part.us_per_job).collect::<Vec<_>>(), [Some(200.0), None]);
    }
}
