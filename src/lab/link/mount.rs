//! Another content for a file, for one thread and its children.

use std::io;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Shows the content of `with` in the place of `file` to the calling thread, the threads that it starts from now on and their
/// children; to nobody else. Needs the right that [`acquire`](super::acquire) gets. What stood there comes back with the
/// last of them.
pub fn cover(file: &Path, with: &Path) -> io::Result<()> {
    let nothing = None::<&Path>;
    unshare(CloneFlags::CLONE_NEWNS)?;
    // Or the change would be everybody's: systemd shares mounts.
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)?;
    mount(Some(with), file, nothing, MsFlags::MS_BIND, nothing)?;
    Ok(())
}
