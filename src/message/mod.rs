//! Messages that protocols carry, decoded wherever they were seen: DNS answers, TLS hellos, HTTP/1.1 framing.
