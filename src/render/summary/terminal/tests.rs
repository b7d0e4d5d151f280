use super::*;
use crate::render::summary::specimens;
use crate::render::terminal::{Colour, Glyphs};

fn style(width: usize, glyphs: Glyphs) -> Style {
    Style { width, glyphs, colour: Colour::Never }
}

#[test]
fn look() {
    let summary = specimens::compared();
    for (w, g) in [(110, Glyphs::Unicode), (80, Glyphs::Ascii), (40, Glyphs::Unicode)] {
        println!("{}\n{}", "=".repeat(w), terminal(&summary, &style(w, g)));
    }
    println!("{}", terminal(&specimens::alone(), &style(100, Glyphs::Unicode)));
    println!("{}", crate::render::summary::markdown(&summary));
    println!("{}", crate::render::summary::csv(&summary).lines().take(3).collect::<Vec<_>>().join("\n"));
}
