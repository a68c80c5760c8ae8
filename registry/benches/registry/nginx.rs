//! nginx, as a peer: what serving files costs those who do nothing else.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A server of the files of a folder; ends with the bench.
pub struct Nginx {
    process: Child,
    pub address: SocketAddr,
}

impl Nginx {
    /// None, said loudly, where there is none.
    pub fn serve(files: &Path) -> Option<Self> {
        if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
            println!("MISSING: nginx, so nothing is compared with it (apt-get install nginx-light)");
            return None;
        }
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = files.display();
        // As an expert would set it for immutable files; logs off, since the registry writes none for a read either.
        let configuration = format!(
            "daemon off; worker_processes auto; pid {folder}/nginx.pid; error_log stderr crit;
             {user}
             events {{ worker_connections 1024; }}
             http {{
               access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000;
               open_file_cache max=1000 inactive=60s;
               client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
               uwsgi_temp_path {folder}; scgi_temp_path {folder};
               server {{
                 listen {address};
                 root {folder};
                 location / {{ default_type application/octet-stream; add_header cache-control \"public, max-age=31536000, immutable\"; }}
               }}
             }}",
            // Started as root, workers would be another user, who may not read the folder.
            user = if rustix::process::geteuid().is_root() { "user root;" } else { "" },
        );
        let path = files.join("nginx.conf");
        std::fs::write(&path, configuration).unwrap();
        let process = Command::new("nginx").arg("-c").arg(&path).arg("-p").arg(files).spawn().unwrap();
        let nginx = Self { process, address };
        let listens = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            TcpStream::connect(address).is_ok()
        });
        assert!(listens, "nginx does not listen on {address}");
        Some(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers on SIGTERM; on SIGKILL they would stay.
        let pid = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.process.wait();
    }
}
