//! curl on the same URLs, side by side: what `-w` says agrees, exactly where it is a fact, in order and size where it is a
//! time; and both end with the same exit code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::certificates::{Authority, HOST, Validity, write_credentials};
use crate::haproxy::haproxy;
use crate::nginx::{long_text, nginx, tls_site, way_there};
use crate::origin::Origin;
use crate::server::{Program, Server, directory, free_port};

const CURL: Program = Program { name: "curl", package: "curl" };

/// Variables that say the same in both programs, whatever else differs.
const FACTS: &[&str] = &[
    "http_version",
    "ssl_verify_result",
    "response_code",
    "http_code",
    "size_download",
    "num_redirects",
    "num_connects",
    "remote_ip",
    "remote_port",
    "local_ip",
    "scheme",
    "method",
    "content_type",
    "redirect_url",
    "url_effective",
    "exitcode",
    "urlnum",
    "num_headers",
    "size_upload",
];
/// Cumulative times, in the order in which they pass.
const TIMES: &[&str] =
    &["time_namelookup", "time_connect", "time_appconnect", "time_pretransfer", "time_starttransfer", "time_total"];
/// How far apart both programs' times may lie, in seconds.
const APART: f64 = 0.1;
/// They run one after another on a machine that does other things, which may hold up either: what differs by chance agrees in
/// one of so many tries, what differs in truth in none.
const TRIES: usize = 5;

/// What one program says of one transfer.
#[derive(Debug)]
struct Said {
    facts: Vec<String>,
    times: Vec<f64>,
    body: Vec<u8>,
    exit_code: Option<i32>,
}

/// Runs a program without anything of this process's environment that could change what it does.
fn run(program: &Path, words: &[String]) -> Output {
    let mut command = Command::new(program);
    for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(name);
    }
    command.env_remove("SSLKEYLOGFILE").args(words).output().expect("the program can be run")
}

fn ask(program: &Path, first: &[&str], words: &[String], body: &Path) -> Said {
    let variables: Vec<String> = FACTS.iter().chain(TIMES).map(|name| format!("%{{{name}}}")).collect();
    let mut all: Vec<String> = first.iter().map(|word| (*word).to_owned()).collect();
    all.extend(["-s".to_owned(), "-o".to_owned(), body.display().to_string(), "-w".to_owned(), variables.join("\\n")]);
    all.extend_from_slice(words);
    let output = run(program, &all);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let values: Vec<&str> = said.split('\n').collect();
    assert_eq!(values.len(), FACTS.len() + TIMES.len(), "{} {all:?}: {said}", program.display());
    let (facts, times) = values.split_at(FACTS.len());
    Said {
        facts: facts.iter().zip(FACTS).map(fact).collect(),
        times: times.iter().map(|time| time.parse().expect("seconds")).collect(),
        body: fs::read(body).unwrap_or_default(),
        exit_code: output.status.code(),
    }
}

/// curl writes the scheme in upper case before its version 8.
fn fact((value, name): (&&str, &&str)) -> String {
    let value = if *name == "scheme" { value.to_lowercase() } else { (*value).to_owned() };
    format!("{name} = {value}")
}

/// Runs both programs with the same words, holds them against each other, and returns what wirefall and curl say.
fn compare(words: &[String]) -> [Said; 2] {
    let mut apart = String::new();
    for _ in 0..TRIES {
        let said = facts(words);
        let times = TIMES.iter().zip(&said[0].times).zip(&said[1].times);
        let mut far = times.filter(|((_, ours), theirs)| (*ours - *theirs).abs() >= APART);
        match far.next() {
            None => return said,
            Some(((name, ours), theirs)) => apart = format!("{name} is {ours}, for curl {theirs}"),
        }
    }
    panic!("{words:?}: {apart}, and no better in {TRIES} tries");
}

/// Runs both programs with the same words and compares all but how long they took.
fn facts(words: &[String]) -> [Said; 2] {
    let directory = directory();
    let body = |name: &str| directory.path().join(name);
    let wirefall = ask(Path::new(env!("CARGO_BIN_EXE_wirefall")), &[], words, &body("wirefall"));
    // -q: without the user's configuration.
    let curl = ask(&CURL.path(), &["-q"], words, &body("curl"));
    assert_eq!(wirefall.facts, curl.facts, "{words:?}");
    assert_eq!(wirefall.exit_code, curl.exit_code, "{words:?}");
    // curl -I writes the head where the body would go.
    let same_body = wirefall.body == curl.body || words.iter().any(|word| word == "-I");
    assert!(same_body, "{words:?}: {} and {} bytes", wirefall.body.len(), curl.body.len());
    for said in [&wirefall, &curl] {
        // A step that did not happen is 0 in curl's way of speaking.
        let passed: Vec<f64> = said.times.iter().copied().filter(|time| *time > 0.0).collect();
        assert!(passed.is_sorted(), "{words:?}: {said:?}");
    }
    for ((name, ours), theirs) in TIMES.iter().zip(&wirefall.times).zip(&curl.times) {
        // Reached by one is reached by both. A name that needs no query takes curl some microseconds, wirefall nothing.
        let reached = (*ours > 0.0) == (*theirs > 0.0);
        assert!(reached || *name == "time_namelookup", "{words:?}: {name} is {ours}, for curl {theirs}");
    }
    [wirefall, curl]
}

fn words(way: &[String], rest: &[&str]) -> Vec<String> {
    way.iter().cloned().chain(rest.iter().map(|word| (*word).to_owned())).collect()
}

fn time(said: &Said, name: &str) -> f64 {
    said.times[TIMES.iter().position(|known| *known == name).expect("a time")]
}

/// haproxy with TLS, nginx behind it, and behind that what answers late.
struct World {
    _origin: Origin,
    web: Server,
    _balancer: Server,
    secure: u16,
    plain: u16,
    in_front: u16,
}

impl World {
    fn start() -> Self {
        let origin = Origin::start();
        let [secure, plain, in_front] = [free_port(), free_port(), free_port()];
        let web_directory = directory();
        let authority = Authority::new();
        authority.write(&web_directory.path().join("ca.pem"));
        authority.issue(HOST, Validity::Now, &web_directory.path().join("server.pem"));
        let root = web_directory.path().join("www");
        fs::create_dir(&root).expect("a directory");
        fs::write(root.join("text"), long_text(5_000)).expect("a file");
        let inside = format!(
            "absolute_redirect off; gzip on; gzip_types text/plain; location /origin/ {{ proxy_buffering off;
             proxy_pass http://127.0.0.1:{0}/; }} location /missing {{ return 404; }}
             location /away {{ return 302 /text; }} location /twice {{ return 302 /away; }}
             location /nowhere {{ return 302 http://127.0.0.1:{0}/empty; }} location /none {{ return 204; }}",
            origin.port
        );
        let servers =
            format!("server {{ listen 127.0.0.1:{plain}; root www; {inside} }}\n") + &tls_site(secure, &inside);

        let balancer_directory = directory();
        authority.issue(HOST, Validity::Now, &balancer_directory.path().join("server.pem"));
        let web = nginx(&servers, &[secure, plain], web_directory);
        let sections = format!(
            "frontend f\n  bind 127.0.0.1:{in_front} ssl crt server.pem alpn h2,http/1.1\n  default_backend b\n\
             backend b\n  server s 127.0.0.1:{plain}\n"
        );
        let balancer = haproxy(&sections, &[in_front], balancer_directory);
        Self { _origin: origin, web, _balancer: balancer, secure, plain, in_front }
    }

    /// The same path over clear text, TLS, and TLS with a balancer: the way there and the URL.
    fn ways(&self, path: &str) -> [(Vec<String>, String); 3] {
        let secure = |port: u16| (way_there(self.web.directory(), port), format!("https://{HOST}:{port}{path}"));
        [(vec![], format!("http://127.0.0.1:{}{path}", self.plain)), secure(self.secure), secure(self.in_front)]
    }
}

#[test]
#[ignore = "needs curl, nginx and haproxy"]
fn facts_agree() {
    let world = World::start();
    for (flags, path) in [
        (&[][..], "/text"),
        (&["--http1.1"], "/text"),
        (&["--tls-max", "1.2"], "/text"),
        (&["--compressed"], "/text"),
        (&["--compressed", "--http1.1"], "/text"),
        (&["-I"], "/text"),
        (&[], "/none"),
        (&[], "/missing"),
        (&[], "/away"),
        (&["-L"], "/twice"),
        (&["-L", "--http1.1"], "/twice"),
        (&["-L"], "/nowhere"),
        (&["-d", "a=1&b=2"], "/origin/echo"),
        (&["-X", "PUT", "--http1.1", "-d", "a=1"], "/origin/echo"),
        (&["-G", "-d", "a=1"], "/text"),
        (&["-H", "Accept: text/plain", "-A", "one/1.0"], "/text"),
    ] {
        for (way, url) in world.ways(path) {
            compare(&words(&way, &[flags, &[&url]].concat()));
        }
    }
}

#[test]
#[ignore = "needs curl, nginx and haproxy"]
fn the_server_s_delay_is_before_the_first_byte() {
    let world = World::start();
    for (way, url) in world.ways("/origin/after/200") {
        for said in compare(&words(&way, &[&url])) {
            let [before, first] = ["time_pretransfer", "time_starttransfer"].map(|name| time(&said, name));
            assert!(first >= 0.2 && before < 0.1, "{url}: {said:?}");
            assert!(time(&said, "time_total") - first < 0.1, "{url}: {said:?}");
        }
    }
}

#[test]
#[ignore = "needs curl, nginx and haproxy"]
fn a_pause_in_the_body_is_after_the_first_byte() {
    let world = World::start();
    for (way, url) in world.ways("/origin/late-body/200") {
        for said in compare(&words(&way, &[&url])) {
            let [first, total] = ["time_starttransfer", "time_total"].map(|name| time(&said, name));
            assert!(first < 0.15 && total - first >= 0.19, "{url}: {said:?}");
        }
    }
}

#[test]
#[ignore = "needs curl and nginx"]
fn exit_codes_agree() {
    let origin = Origin::start();
    let nothing = free_port();
    let directory = directory();
    write_credentials(directory.path());
    fs::create_dir(directory.path().join("www")).expect("a directory");
    Authority::new().issue(HOST, Validity::Now, &directory.path().join("unknown.pem"));
    let [port, strange] = [free_port(), free_port()];
    let credentials = "ssl_certificate unknown.pem; ssl_certificate_key unknown.pem;";
    let servers = tls_site(port, "ssl_protocols TLSv1.2; location /round { return 302 /round; }")
        + &format!("server {{ listen 127.0.0.1:{strange} ssl; {credentials} }}\n");
    let server = nginx(&servers, &[port, strange], directory);
    let way = way_there(server.directory(), port);
    let strange_way = way_there(server.directory(), strange);
    let at_origin = |path: &str| format!("http://127.0.0.1:{}{path}", origin.port);
    for (way, flags, url, code) in [
        (&vec![], &[][..], format!("http://127.0.0.1:{nothing}/"), 7),
        (&way, &["-f"], format!("https://{HOST}:{port}/missing"), 22),
        (&vec![], &["-m", "0.3"], at_origin("/after/2000"), 28),
        (&vec![], &["-m", "0.3"], at_origin("/late-body/2000"), 28),
        (&way, &["--tlsv1.3"], format!("https://{HOST}:{port}/"), 35),
        (&vec![], &[], format!("https://127.0.0.1:{}/", origin.port), 35),
        (&way, &["-L", "--max-redirs", "3"], format!("https://{HOST}:{port}/round"), 47),
        (&vec![], &[], at_origin("/empty"), 52),
        (&vec![], &[], at_origin("/reset"), 56),
        (&strange_way, &[], format!("https://{HOST}:{strange}/"), 60),
    ] {
        let words = words(way, &[flags, &["-s", &url]].concat());
        for program in [Path::new(env!("CARGO_BIN_EXE_wirefall")), &CURL.path()] {
            let output = run(program, &words);
            assert_eq!(output.status.code(), Some(code), "{} {words:?}: {output:?}", program.display());
        }
    }
}

#[test]
#[ignore = "needs dnsmasq"]
fn a_name_that_does_not_exist_is_exit_code_6() {
    // curl asks the system's name servers only, so this one is without it.
    let port = free_port();
    let _server = crate::dnsmasq::dnsmasq(&["--local=/peer.test/"], port, directory());
    let words = ["-s", "--dns-servers", &format!("127.0.0.1:{port}"), "http://missing.peer.test/"];
    let output = run(&PathBuf::from(env!("CARGO_BIN_EXE_wirefall")), &words.map(str::to_owned));
    assert_eq!(output.status.code(), Some(6), "{output:?}");
}
