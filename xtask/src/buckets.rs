//! The gate's step for buckets: their test in `ple-data`, built with the feature that it is about, against a server from
//! PyPI that speaks S3.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cargo::{cargo, target_folder};
use crate::python::environment;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the test. Without Python or the way to its packages nothing is run, which is said.
pub(crate) fn check() -> Result<(), String> {
    let python = match environment("buckets-venv", "buckets/requirements.txt") {
        Ok(python) => python,
        Err(reason) => {
            println!("   not run: the test of buckets against a server that speaks S3 ({reason})");
            return Ok(());
        }
    };
    lint()?;
    let [server, proxy] = [free_port()?, free_port()?].map(|port| format!("127.0.0.1:{port}"));
    let (host, port) = server.split_once(':').unwrap_or_default();
    let mut command = Command::new(&python);
    command.args(["-m", "moto.server", "-H", host, "-p", port]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| format!("{}: {error}", python.display()))?;
    let mut running = Server { child };
    running.wait_for(&server)?;
    let mut test =
        with_buckets(["test", "--quiet", "-p", "ple-data", "--features", "buckets", "--test", "buckets"]);
    test.env("PLE_S3_SERVER", format!("http://{server}")).env("AWS_ENDPOINT", format!("http://{proxy}"));
    test.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
    test.env("AWS_REGION", "us-east-1").env("AWS_ALLOW_HTTP", "true");
    let status = test.status().map_err(|error| format!("cargo could not be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the test of buckets ended with {status}")) }
}

/// Cargo in a folder of its own and without optimisation: the feature changes those of shared packages, and everything in
/// the usual folder would be built twice.
fn with_buckets<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = cargo(arguments);
    command.arg("--target-dir").arg(target_folder().join("buckets"));
    command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env("CARGO_PROFILE_DEV_DEBUG", "false");
    command
}

/// Lints what is built with the feature alone, which the step `clippy` does not see. Only the first run has to build.
fn lint() -> Result<(), String> {
    let arguments =
        ["clippy", "--quiet", "-p", "ple-data", "--features", "buckets", "--lib", "--test", "buckets"];
    let mut command = with_buckets(arguments);
    command.args(["--", "-D", "warnings"]);
    let status = command.status().map_err(|error| format!("cargo could not be started: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("clippy with the feature `buckets` ended with {status}"))
    }
}

/// The server, which ends when it goes out of sight.
struct Server {
    child: Child,
}

impl Server {
    fn wait_for(&mut self, address: &str) -> Result<(), String> {
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the server that speaks S3 ended with {status}"));
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("no server answers at {address}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is gone already, or goes now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens at.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("no port on 127.0.0.1: {error}"))
}
