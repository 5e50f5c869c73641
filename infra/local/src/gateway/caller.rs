//! Which process is at the other end of a connection, and its end.

use std::net::SocketAddr;

/// Why a caller was not killed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum CallerError {
    #[cfg(not(target_os = "linux"))]
    #[error("finding the process of a connection needs Linux's /proc")]
    Unsupported,
    #[error("no process holds the connection from {0}")]
    NotFound(SocketAddr),
    #[error("process {0} belongs to the platform itself and is not killed")]
    Own(u32),
    #[error("process {pid} cannot be killed: {error}")]
    Kill { pid: u32, error: String },
}

/// Kills the process that connected from `peer` to `local`, unless it is this one or `spared`.
#[cfg(target_os = "linux")]
pub(super) fn kill(peer: SocketAddr, local: SocketAddr, spared: Option<u32>) -> Result<u32, CallerError> {
    use rustix::process::{Pid, Signal, kill_process};

    let pid = linux::process_of(peer, local).ok_or(CallerError::NotFound(peer))?;
    if pid == std::process::id() || Some(pid) == spared || pid <= 1 {
        return Err(CallerError::Own(pid));
    }
    let target = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(CallerError::NotFound(peer))?;
    kill_process(target, Signal::KILL).map_err(|error| CallerError::Kill { pid, error: error.to_string() })?;
    Ok(pid)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn kill(_peer: SocketAddr, _local: SocketAddr, _spared: Option<u32>) -> Result<u32, CallerError> {
    Err(CallerError::Unsupported)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::net::SocketAddr;
    use std::path::Path;

    /// The process that holds the peer's end of a loopback connection.
    pub(super) fn process_of(peer: SocketAddr, local: SocketAddr) -> Option<u32> {
        let table = fs::read_to_string("/proc/net/tcp").ok()?;
        let link = format!("socket:[{}]", inode(&table, peer, local)?);
        let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
        let mut numbered =
            processes.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
        numbered.find(|(_, path)| holds(path, &link)).map(|(pid, _)| pid)
    }

    /// The socket's inode in `/proc/net/tcp`, whose lines say: number, local address, remote address, state, queues,
    /// timer, retransmits, user, timeout, inode.
    pub(super) fn inode(table: &str, peer: SocketAddr, local: SocketAddr) -> Option<u64> {
        let (from, to) = (kernel_form(peer)?, kernel_form(local)?);
        table.lines().find_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let matches = fields.next()? == from && fields.next()? == to;
            if matches { fields.nth(6)?.parse().ok().filter(|inode| *inode != 0) } else { None }
        })
    }

    /// An address as the kernel prints it: the four bytes as a number in the machine's order, then the port.
    fn kernel_form(address: SocketAddr) -> Option<String> {
        let SocketAddr::V4(address) = address else { return None };
        Some(format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port()))
    }

    /// Whether one of a process's descriptors is this. Processes of other users, or gone by now, hold nothing.
    fn holds(process: &Path, link: &str) -> bool {
        let Ok(descriptors) = fs::read_dir(process.join("fd")) else { return false };
        let mut targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        targets.any(|target| target.as_os_str() == link)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_holder_of_a_connection_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap();
        let client = TcpStream::connect(local).unwrap();
        assert_eq!(linux::process_of(client.local_addr().unwrap(), local), Some(std::process::id()));
    }

    #[test]
    fn our_own_process_is_never_killed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap();
        let client = TcpStream::connect(local).unwrap();
        let refused = kill(client.local_addr().unwrap(), local, None);
        assert_eq!(refused, Err(CallerError::Own(std::process::id())));
    }

    #[test]
    fn a_closed_connection_has_no_holder() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:9C40 0100007F:1F90 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0\n\
             1: 0100007F:9C41 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4242 1 0\n";
        let local: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        assert_eq!(linux::inode(table, "127.0.0.1:40000".parse().unwrap(), local), None);
        assert_eq!(linux::inode(table, "127.0.0.1:40001".parse().unwrap(), local), Some(4242));
    }
}
