//! Packs `examples/hello` into the image that every installation carries.

use crate::{place, process::step};
use anyhow::{Context, Result};
use berth_testkit::sample;
use std::{fs, fs::File, io::BufWriter};

/// Builds the sample and writes its archive.
pub fn build() -> Result<()> {
    step("the sample's image", || {
        let binary = sample::build(&place::target())?;
        let image = sample::image(&binary, sample::VERSION, &[])?;
        let path = place::sample();
        fs::create_dir_all(path.parent().context("it lies in share")?)?;
        // Written beside and renamed: a server that runs may be reading the old one.
        let unfinished = path.with_extension("unfinished");
        image.write(BufWriter::new(File::create(&unfinished)?))?;
        fs::rename(&unfinished, &path)?;
        Ok(())
    })
}
