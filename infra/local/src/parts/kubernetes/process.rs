//! The processes of one cluster: they start one by one, and none outlives this program.

use std::fs::File;
use std::io::PipeWriter;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::parts::{PartError, tail};

/// Leads the group and ends it when the other end of its standard input is closed, which the operating system does
/// however this program ends. It works for programs that others built, too.
const WATCHDOG: &str = "while read -r _; do :; done; kill -KILL 0";

/// A process group with a watchdog. Dropping it kills the group.
#[derive(Debug)]
pub(super) struct Group {
    watchdog: Child,
    _lifeline: PipeWriter,
    id: Pid,
}

impl Group {
    pub(super) fn start() -> Result<Self, PartError> {
        let shell = Path::new("/bin/sh");
        let (reader, lifeline) = std::io::pipe().map_err(PartError::io("start", shell))?;
        let mut command = Command::new(shell);
        command.args(["-c", WATCHDOG]).env_clear().process_group(0).kill_on_drop(true);
        command.stdin(reader).stdout(Stdio::null()).stderr(Stdio::null());
        let watchdog = command.spawn().map_err(PartError::io("start", shell))?;
        let id = watchdog.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let ended = || PartError::io("start", shell)(std::io::ErrorKind::NotFound.into());
        Ok(Self { watchdog, _lifeline: lifeline, id: id.ok_or_else(ended)? })
    }

    /// Starts one more process in the group, with nothing of this program's environment. Everything it writes goes to
    /// `log`.
    pub(super) fn spawn(&self, name: &'static str, mut command: Command, log: PathBuf) -> Result<Component, PartError> {
        let open = || File::options().create(true).append(true).open(&log).map_err(PartError::io("open", &log));
        command.stdin(Stdio::null()).stdout(open()?).stderr(open()?);
        command.process_group(self.id.as_raw_nonzero().get()).kill_on_drop(true);
        let program = PathBuf::from(command.as_std().get_program());
        let process = command.spawn().map_err(PartError::io("start", &program))?;
        Ok(Component { name, process, log })
    }

    /// Kills whatever is left and reaps the watchdog.
    pub(super) async fn end(mut self) {
        self.kill();
        let _status = self.watchdog.wait().await;
    }

    fn kill(&self) {
        // An empty group is what is wanted: ESRCH is no failure.
        let _gone = kill_process_group(self.id, Signal::KILL);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Once the leader is reaped its id may belong to somebody else.
        if self.watchdog.id().is_some() {
            self.kill();
        }
    }
}

/// One running program of the cluster.
#[derive(Debug)]
pub(super) struct Component {
    name: &'static str,
    process: Child,
    log: PathBuf,
}

impl Component {
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// The end of what it wrote, as an error.
    pub(super) fn failed(&self, what: impl Into<String>) -> PartError {
        PartError::Failed { part: self.name, what: what.into(), log: self.log.clone(), tail: tail(&self.log) }
    }

    /// Waits until it ends by itself, which it should not.
    pub(super) async fn failure(&mut self) -> PartError {
        match self.process.wait().await {
            Ok(status) => self.failed(format!("ended with {status}")),
            Err(error) => self.failed(format!("cannot be watched: {error}")),
        }
    }

    /// Asks it to end. [`Self::ended`] waits for it.
    pub(super) fn terminate(&self) {
        if let Some(id) = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
            let _ended_already = kill_process(id, Signal::TERM);
        }
    }

    /// Waits until it has ended, and kills it when that takes longer than `within`.
    pub(super) async fn ended(mut self, within: Duration) -> Result<(), PartError> {
        if timeout(within, self.process.wait()).await.is_err() {
            let killed = timeout(within, self.process.kill()).await;
            killed.map_err(|_| PartError::NotStopped { part: self.name, within: within * 2 })?.ok();
        }
        Ok(())
    }
}

/// A port of the loopback interface that nobody else gets while this lives. The program that is to listen on it must
/// share it (`SO_REUSEPORT`), which both etcd and the API server can: so there is no moment in which it could be lost,
/// as there is when a port is only looked up and freed again.
#[derive(Debug)]
pub(super) struct ReservedPort {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl ReservedPort {
    pub(super) fn new() -> Result<Self, PartError> {
        let reserve = || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseport(true)?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            Ok(Self { address: socket.local_addr()?, _socket: socket })
        };
        reserve().map_err(PartError::io("reserve", Path::new("a port of 127.0.0.1")))
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reserved_port_is_refused_to_those_who_do_not_share_and_given_to_those_who_do() {
        let port = ReservedPort::new().unwrap();
        assert!(std::net::TcpListener::bind(port.address()).is_err());
        let sharing = TcpSocket::new_v4().unwrap();
        sharing.set_reuseport(true).unwrap();
        sharing.bind(port.address()).unwrap();
        let listener = sharing.listen(1).unwrap();
        let (client, served) = tokio::join!(tokio::net::TcpStream::connect(port.address()), listener.accept());
        client.unwrap();
        served.unwrap();
    }

    #[tokio::test]
    async fn a_dropped_group_takes_its_members_along() {
        let group = Group::start().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "trap '' TERM; while :; do read -r _; done"]);
        let mut member = group.spawn("member", command, directory.path().join("log")).unwrap();
        drop(group);
        let ended = timeout(Duration::from_secs(5), member.failure()).await.unwrap();
        assert!(ended.to_string().contains("signal: 9"), "{ended}");
    }
}
