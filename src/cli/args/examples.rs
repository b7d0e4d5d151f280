//! The examples at the end of each command's help.

pub(super) const PROGRAM: &str = "\
EXAMPLES
  wirefall https://example.com/              where the time of one request goes
  wirefall -L http://example.com/            with redirects, a trace each
  wirefall demo                              known delays on this machine, measured and drawn
  wirefall trace --help                      all flags of a request; they are curl's";

pub(super) const TRACE: &str = "\
EXAMPLES
  wirefall https://example.com/
  wirefall --reuse https://example.com/                      cold, then warm on the same connection
  wirefall edge=https://example.com/ origin=https://example.org/
  wirefall --json '{\"a\":1}' https://example.com/api
  wirefall --aws-sigv4 aws:amz https://ID.execute-api.us-east-1.amazonaws.com/
  wirefall --resolve example.com:443:192.0.2.1 https://example.com/
  wirefall --chart trace.svg --save traces.jsonl https://example.com/
  wirefall --targets paths.toml lambda                       a target of a file
  wirefall --slo total=500,wait=200 https://example.com/     exit code 4 where it takes longer
  wirefall --hops --hops-names https://example.com/          and on which hop of the network it went
  wirefall -s -o body -w '%{time_total}\\n' https://example.com/
  wirefall --capture require https://example.com/            times from the wire, or an error
  wirefall --packets https://example.com/                    and every packet
  wirefall --pcap trace.pcapng https://example.com/          opens decrypted in Wireshark

EXIT CODES
  0 done            1 other failure        2 misuse            4 SLO missed        6 DNS
  7 connect         22 status (-f, or not expect_status)       28 time-out         35 TLS handshake
  47 too many redirects                    52 empty reply      56 receive failure  60 certificate";

pub(super) const COMPARE: &str = "\
EXAMPLES
  wirefall compare https://a.example/ https://b.example/
  wirefall compare -n 100 edge=https://example.com/ origin=https://example.org/ --baseline origin
  wirefall compare --targets paths.toml --save run.jsonl     and which layer costs what
  wirefall compare --reuse a=https://a.example/ b=https://b.example/   on warm connections
  wirefall compare -f https://a.example/ https://b.example/  exit code 22 on status 400 and above
  wirefall compare run.jsonl                                 once more, without a request
  wirefall compare before.jsonl after.jsonl --slo total.p95=500,failures=1% --format markdown
  wirefall compare berlin.jsonl tokyo.jsonl                  saved with --vantage: place by place

TARGETS FILE
  [[target]]
  name = \"lambda\"
  url = \"https://api.example.com/items\"
  path = [\"apig\", \"lambda\"]             # the layers that requests pass, outermost first
  baseline = true                       # what the others are compared with
  tags = { region = \"us-east-1\" }
  headers = { Accept = \"text/plain\" }   # or [\"Name: value\", ...]
  expect_status = 200                   # any other counts as a failure, http.unexpected_status
  Also: method, body, resolve = \"HOST:PORT:ADDR\"

EXIT CODES
  0 done    1 a file cannot be read or written    2 misuse    4 an objective was missed (--slo)
  22 status (-f)    130 Ctrl-C, with a summary of what there is
  Where no request to a target succeeded, the code of its failure, as with trace";

pub(super) const REGIONS: &str = "\
EXAMPLES
  wirefall regions                                           nearest first, by the round trip
  wirefall regions --service lambda -n 20 --phases
  wirefall regions --endpoint-template 'https://{region}.api.example.com/health'
  wirefall regions --endpoint-template 'https://{service}.{region}.{dualstack_suffix}/' -6
  wirefall regions --phases --chart near.svg                 a bar for each region that answers
  wirefall regions --vantage berlin --save berlin.jsonl      to compare with other places

Each region is asked over a connection of its own each time. One that fails on its first request
that counts is not asked again. Times are in milliseconds: syn rtt is the median round trip from
the SYN to its answer (the whole phase connect, where the system does not tell it), also of requests
that failed after it. Regions that cannot be reached stand below the others, by what failed;
--format json has each by itself. Where none can be, the exit code is that of the commonest failure.";

pub(super) const LAB: &str = "\
EXAMPLES
  wirefall lab --ca-out ca.pem --dns-port 5353
  wirefall lab --profile paths.toml --time-scale 0.1         a tenth of each delay
  wirefall lab --distance                                    regions, 16 to 200 ms away
  wirefall lab --distance -- wirefall https://ec2.eu-west-1.lab.test/
  wirefall lab --distance --at frankfurt -- wirefall https://ec2.lab.test/ --vantage frankfurt
  wirefall lab --logs logs --skew elb=5000                   AWS's logs, one clock 5 s ahead
  wirefall lab --distance --region moon=2560 --loss 1% -- bash";

pub(super) const DEMO: &str = "\
EXAMPLES
  wirefall demo
  wirefall demo --out charts";

pub(super) const CHART: &str = "\
EXAMPLES
  wirefall chart waterfall traces.jsonl -o waterfall.svg
  wirefall chart waterfall monday.jsonl friday.jsonl --title 'Before and after' -o week.png
  wirefall chart stacked paths.jsonl -o paths.png                    a bar for each target
  wirefall chart stacked berlin.jsonl tokyo.jsonl -o places.png      a bar for each place
  wirefall chart stacked attributed.jsonl --by layer -o layers.svg   the waits by layers
  wirefall chart layers attributed.jsonl -o where.png                one wait by layers

Traces come from --save or --format jsonl of any command that makes them. Times are in milliseconds.";

pub(super) const ATTRIBUTE: &str = "\
EXAMPLES
  wirefall --save traces.jsonl https://api.example.com/      requests carry the keys that logs keep
  wirefall attribute traces.jsonl --alb alb.log.gz --xray traces.json
  wirefall attribute traces.jsonl --cloudfront 'logs/*.gz' --apig apig.jsonl --lambda lambda/
  wirefall attribute t.jsonl --apig a --apig-format '$context.requestId $context.responseLatency'
  aws xray batch-get-traces --trace-ids ID… | wirefall attribute traces.jsonl --xray -
  wirefall attribute traces.jsonl --alb logs/ --format markdown

Only lengths are compared between this machine's clock and others', never times of day: layers lie
inside the wait at places that are known only as intervals. What no log speaks of is unattributed;
what cannot belong to a request is named and not used.";

pub(super) const PCAP: &str = "\
EXAMPLES
  wirefall pcap slow.pcap                                    a table of flows, the slowest first
  wirefall pcap slow.pcapng.zst --flow 7                     one of them, phase by phase
  wirefall pcap day.pcap --filter 'sni *.example.com and not port 8443'
  wirefall pcap server.pcap --side server --format jsonl --save traces.jsonl
  tcpdump -i eth0 -w - tcp or port 53 | wirefall pcap -
  ssh host tcpdump -U -w - port 443 | wirefall pcap - --format jsonl

What TLS encrypts is not read: such requests have the method ?, and their wait lasts from the last
byte of the client to the first byte of the server that is not a handshake's, a session ticket's or
an alert's.";

pub(super) const COMPLETIONS: &str = "\
EXAMPLES
  wirefall completions bash > /etc/bash_completion.d/wirefall
  wirefall completions fish > ~/.config/fish/completions/wirefall.fish";

pub(super) const MAN: &str = "\
EXAMPLES
  wirefall man | man -l -
  wirefall man > /usr/share/man/man1/wirefall.1";
