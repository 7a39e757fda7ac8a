//! The options of a configuration file, which is read again when it changes.

use std::fs;
use std::path::{Path, PathBuf};

use hexreg::serve::{Options, OptionsSource, ReadOptions};

use super::values::LogFormat;
use crate::cli::config::{self, Config, ReadConfig};
use crate::cli::failure::Failure;

/// Reads a configuration file. A file that is no regular one, such as the pipe of `<(…)`, is not read again.
pub fn read(file: PathBuf) -> Result<(Config, Option<OptionsSource>), Failure> {
    config::warn_of_exposure(&file);
    let ReadConfig { config, files } = config::read(&file);
    let config = config?;
    if !fs::metadata(&file).is_ok_and(|found| found.is_file()) {
        return Ok((config, None));
    }
    let config = with_file(config, &file);
    // The log was opened with these, so that a change needs a restart.
    let of_log = |config: &Config| (config.log_format == LogFormat::Json, config.quiet);
    let first = of_log(&config);
    let read = move || {
        let ReadConfig { config, files } = config::read_again(&file);
        match config {
            Ok(config) => {
                let (is_json, is_quiet) = of_log(&config);
                let mut need_restart = Vec::new();
                if is_json != first.0 {
                    need_restart.push("log-format");
                }
                if is_quiet != first.1 {
                    need_restart.push("quiet");
                }
                let options = Ok(with_file(config, &file).options);
                ReadOptions { options, files, need_restart }
            }
            Err(failure) => {
                ReadOptions { options: Err(failure.line()), files, need_restart: Vec::new() }
            }
        }
    };
    let source = OptionsSource { files, read: Box::new(read) };
    Ok((config, Some(source)))
}

/// Adds the configuration file to those that no client may have.
fn with_file(config: Config, file: &Path) -> Config {
    let mut secret_files = config.options.secret_files.clone();
    secret_files.push(file.to_owned());
    Config { options: Options { secret_files, ..config.options }, ..config }
}
