//! What is said of arguments that mean nothing.

use super::*;

#[test]
fn errors_name_the_flag_what_was_expected_and_what_was_given() {
    for (argv, expect) in [
        (&["ftp://h/"][..], "TARGET: expected a URL with http or https, got \"ftp\" in \"ftp://h/\""),
        (&["http://"], "TARGET: expected a URL or NAME=URL, got \"http://\" (empty host)"),
        (&["--resolve", "h:80", "h"], "--resolve: expected HOST:PORT:ADDR[,ADDR]…, got \"h:80\""),
        (
            &["--resolve", "h:80:i", "h"],
            "--resolve: expected HOST:PORT:ADDR[,ADDR]…, got \"h:80:i\", where \"i\" is not an IP address",
        ),
        (&["--connect-to", "h", "h"], "--connect-to: expected HOST1:PORT1:HOST2:PORT2, got \"h\""),
        (&["-X", "A B", "h"], "-X: expected a method such as PUT, got \"A B\""),
        (&["-H", "nonsense", "h"], "-H: expected \"Name: value\", \"Name:\" or \"Name;\", got \"nonsense\""),
        (&["-H", "@missing", "h"], "-H: cannot read missing: entity not found"),
        (&["-H", "@latin1", "h"], "-H: expected a file in UTF-8, got \"latin1\""),
        (&["-w", "@latin1", "h"], "-w: expected a file in UTF-8, got \"latin1\""),
        (&["-d", "@missing", "h"], "-d: cannot read missing: entity not found"),
        (&["-G", "-d", "@latin1", "h"], "-G: expected UTF-8 text"),
        (&["-I", "-d", "a", "h"], "-I cannot be used with -d: HEAD has no body (-G sends it in the URL)"),
        (
            &["-b", "jar.txt", "h"],
            "-b: expected NAME=VALUE (a word without = would be a file, and cookie files are not read), got \"jar.txt\"",
        ),
        (
            &["--pcap", "p", "--capture", "off", "h"],
            "--pcap cannot be used with --capture off: it shows what was captured",
        ),
        (
            &["--packets", "--capture", "off", "h"],
            "--packets cannot be used with --capture off: it shows what was captured",
        ),
        (&["-u", "secret", "h"], "-u: expected USER:PASSWORD, with the colon (nothing asks for a password)"),
        (
            &["--aws-sigv4", "aws:amz:r:s", "h"],
            "--aws-sigv4 needs -u ACCESS_KEY:SECRET_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (&["--aws-sigv4", "goog", "-u", "A:S", "h"], "--aws-sigv4: expected aws:amz[:REGION[:SERVICE]], got \"goog\""),
        (
            &["--aws-sigv4", "aws:amz", "-u", "A:S", "h"],
            "--aws-sigv4: expected aws:amz:REGION:SERVICE, because \"h\" does not name region and service",
        ),
        (
            &["-x", "socks5://u:secret@p", "h"],
            "-x/--proxy: expected [http://][USER:PASSWORD@]HOST[:PORT], got a proxy with socks5://, which is not supported",
        ),
        (&["--doh-url", "http://d/", "h"], "--doh-url: expected an https URL without a user, got \"http://d/\""),
        (&["--dns-servers", "d", "h"], "--dns-servers: expected IP[:PORT] or tls://IP[:PORT]#NAME, got \"d\""),
        (&["--tls-max", "1.1", "h"], "--tls-max: expected 1.2, 1.3 or default, got \"1.1\""),
        (
            &["--tlsv1.3", "--tls-max", "1.2", "h"],
            "--tlsv1.3 cannot be used with --tls-max 1.2: no version is left to offer",
        ),
        (
            &["-E", "c:secret", "h"],
            "-E: expected FILE without a password after \":\" (keys with a password are not read; \"\\:\" stands for a colon)",
        ),
        (&["--key", "k", "h"], "--key needs -E FILE with the certificate"),
        (&["-m", "soon", "h"], "-m/--max-time: expected seconds such as 10 or 0.5, got \"soon\""),
        (&["--max-redirs", "-2", "h"], "--max-redirs: expected a number of redirects, or -1, got \"-2\""),
        (
            &["--happy-eyeballs-timeout-ms", "1.5", "h"],
            "--happy-eyeballs-timeout-ms: expected milliseconds, got \"1.5\"",
        ),
        (&["--chart", "c.jpg", "h"], "--chart: expected a file name that ends in .png or .svg, got \"c.jpg\""),
        (&["--title", "t", "h"], "--title needs --chart FILE"),
    ] {
        assert_eq!(resolve(argv).map(|_| ()), Err(expect.to_owned()), "{argv:?}");
    }
    assert_eq!(
        resolve_in(&[("https_proxy", "https://p")], &["h"]).map(|_| ()),
        Err("https_proxy: expected [http://][USER:PASSWORD@]HOST[:PORT], got a proxy with https://, which is not \
             supported (-x \"\" ignores the variable)"
            .to_owned())
    );
}
