//! A progress bar on a terminal, for runs that take longer than a moment.

use std::env;
use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hexreg::printable::Printable;
use hexreg::publish::observer::{Observer, Work};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// The bar is shown after this time.
const SHOW_AFTER: Duration = Duration::from_millis(500);

/// A progress bar on standard error, shown only on a terminal.
pub struct Progress {
    enabled: bool,
    /// The start of the first work. The program may have waited for a passphrase before.
    began: OnceLock<Instant>,
    bytes: Arc<AtomicU64>,
    bar: Mutex<ProgressBar>,
}

impl Progress {
    /// A bar that is not shown yet; never, unless it is enabled and standard error is a terminal.
    pub fn new(enabled: bool) -> Self {
        // A dumb terminal cannot erase what it has printed.
        let can_draw = stderr().is_terminal() && env::var_os("TERM").is_none_or(|it| it != "dumb");
        Self {
            enabled: enabled && can_draw,
            began: OnceLock::new(),
            bytes: Arc::default(),
            bar: Mutex::new(ProgressBar::hidden()),
        }
    }

    /// Starts a new bar for other work.
    pub fn begin(&self, work: Work, parts: usize) {
        if self.enabled {
            let bar = ProgressBar::with_draw_target(
                u64::try_from(parts).ok(),
                ProgressDrawTarget::hidden(),
            );
            self.first();
            let mut current = self.bar();
            current.finish_and_clear();
            *current = bar.with_style(self.style(work));
        }
    }

    /// Advances the bar.
    pub fn go_on(&self, parts: usize, bytes: u64) {
        if self.enabled {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
            let bar = self.bar();
            if bar.is_hidden() && self.first().elapsed() > SHOW_AFTER {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            bar.inc(u64::try_from(parts).unwrap_or(u64::MAX));
        }
    }

    /// Sets the position, and the length of work that grows while it is done.
    pub fn set_position(&self, done: usize, known: usize, bytes: u64) {
        if self.enabled {
            self.bytes.store(bytes, Ordering::Relaxed);
            let length = |parts: usize| u64::try_from(parts).unwrap_or(u64::MAX);
            self.bar().set_length(length(known));
            let before = self.bar().position();
            self.go_on(done.saturating_sub(usize::try_from(before).unwrap_or(done)), 0);
        }
    }

    /// Prints above the bar.
    pub fn print_above(&self, print: impl FnOnce()) {
        self.bar().suspend(print);
    }

    /// Shows a message beside the bar.
    pub fn set_message(&self, what: &str) {
        if self.enabled {
            self.bar().set_message(Printable(what).to_string());
        }
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar().finish_and_clear();
    }

    fn first(&self) -> Instant {
        *self.began.get_or_init(Instant::now)
    }

    fn bar(&self) -> MutexGuard<'_, ProgressBar> {
        // The bar stays valid if another thread panicked.
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn style(&self, work: Work) -> ProgressStyle {
        let template = match work {
            Work::ReadingTarballs => {
                "reading [{bar:30}] {human_pos} of {human_len} tarballs, {speed}, {eta} left"
            }
            Work::SigningResources => {
                "signing [{bar:30}] {human_pos} of {human_len} resources, {eta} left"
            }
            Work::Pushing => "pushing [{bar:30}] {human_pos} of {human_len} files, {eta} left",
            Work::MakingPages => {
                "making [{bar:30}] pages of {human_pos} of {human_len} packages and archives, {eta} left"
            }
            Work::ReadingLocked => {
                "reading [{bar:30}] {human_pos} of {human_len} locked packages, {eta} left"
            }
            Work::Mirroring => {
                "[{bar:12}] {human_pos} of {human_len} packages, {came}, {speed}, {eta} left {wide_msg}"
            }
        };
        let (bytes, began) = (Arc::clone(&self.bytes), self.first());
        let speed = move |_: &ProgressState, line: &mut dyn Write| {
            let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let bytes = bytes.load(Ordering::Relaxed).saturating_mul(1_000);
            let a_second = bytes.checked_div(milliseconds).unwrap_or_default();
            // If this fails, the line is not drawn.
            let _ = write!(line, "{}/s", HumanBytes(a_second));
        };
        let bytes = Arc::clone(&self.bytes);
        let came = move |_: &ProgressState, line: &mut dyn Write| {
            let _ = write!(line, "{}", HumanBytes(bytes.load(Ordering::Relaxed)));
        };
        let style = ProgressStyle::with_template(template);
        // The templates are valid: the tests draw them.
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        style.with_key("speed", speed).with_key("came", came).progress_chars("=> ")
    }
}

/// Shows what goes on, and no warnings.
impl Observer for Progress {
    fn began(&self, work: Work, parts: usize) {
        self.begin(work, parts);
    }

    fn progressed(&self, parts: usize, bytes: u64) {
        self.go_on(parts, bytes);
    }
}
