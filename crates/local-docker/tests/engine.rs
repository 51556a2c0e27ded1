//! The private engine on this machine's programs. Only root can run one, so others see no test here.

use berth_local_docker::{Engine, Options};

#[test]
fn it_starts_is_found_and_stops() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = tempfile::Builder::new().prefix("berth-docker-").tempdir_in("/tmp").expect("a directory");
    let home = dir.path().join("home");
    // Without a network: this engine shares the namespace with whatever the machine runs.
    let options = Options { dockerd: vec!["--bridge=none".into(), "--iptables=false".into()], ..Options::default() };
    let engine = Engine::start(&home, options.clone()).expect("it starts");
    assert!(engine.api().ping());
    let again = Engine::start(&home, options).expect("it is found");
    assert_eq!(again.dockerd_pid(), engine.dockerd_pid());
    assert_eq!(engine.api().get("/info").expect("it answers")["LiveRestoreEnabled"], true);
    let run = engine.layout().run.clone();
    Engine::find(&home).expect("it is found by its home").stop().expect("it stops");
    assert!(!again.api().ping());
    Engine::erase(&home).expect("it is erased");
    assert!(!home.exists() && !run.exists());
}
