//! Packets of one conversation, as handshakes, flights, losses, and the events that traces are drawn from.
