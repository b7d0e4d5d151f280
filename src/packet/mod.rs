//! Bytes of packets and of capture files, as headers: any bytes give a value or an error, never a panic.
