//! How far a long run has come: on a terminal alone, and once it has taken its time.

use std::env;
use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hexreg::printable::Printable;
use hexreg::publish::observer::Work;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Whoever waits no longer than this need not be told for how long.
const SHOW_AFTER: Duration = Duration::from_millis(500);

/// A bar on standard error, which stays away where that is no terminal.
pub struct Progress {
    wanted: bool,
    /// When the first work began: a key may have been waited for before.
    began: OnceLock<Instant>,
    bytes: Arc<AtomicU64>,
    bar: Mutex<ProgressBar>,
}

impl Progress {
    /// A bar that is not shown yet, and never will be unless it is wanted.
    pub fn new(wanted: bool) -> Self {
        // A dumb terminal cannot take back what it has printed.
        let can_draw = stderr().is_terminal() && env::var_os("TERM").is_none_or(|it| it != "dumb");
        Self {
            wanted: wanted && can_draw,
            began: OnceLock::new(),
            bytes: Arc::default(),
            bar: Mutex::new(ProgressBar::hidden()),
        }
    }

    /// Begins anew with other work.
    pub fn begin(&self, work: Work, parts: usize) {
        if self.wanted {
            let bar = ProgressBar::with_draw_target(
                u64::try_from(parts).ok(),
                ProgressDrawTarget::hidden(),
            );
            self.began();
            let mut current = self.bar();
            current.finish_and_clear();
            *current = bar.with_style(self.style(work));
        }
    }

    /// Goes on by so many parts and bytes.
    pub fn go_on(&self, parts: usize, bytes: u64) {
        if self.wanted {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
            let bar = self.bar();
            if bar.is_hidden() && self.began().elapsed() > SHOW_AFTER {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            bar.inc(u64::try_from(parts).unwrap_or(u64::MAX));
        }
    }

    /// Is so far, of work that grows while it is done.
    pub fn set_position(&self, done: usize, known: usize, bytes: u64) {
        if self.wanted {
            self.bytes.store(bytes, Ordering::Relaxed);
            let length = |parts: usize| u64::try_from(parts).unwrap_or(u64::MAX);
            self.bar().set_length(length(known));
            let before = self.bar().position();
            self.go_on(done.saturating_sub(usize::try_from(before).unwrap_or(done)), 0);
        }
    }

    /// Prints something, which goes on standing above the bar.
    pub fn print_above(&self, print: impl FnOnce()) {
        self.bar().suspend(print);
    }

    /// Names what is being done.
    pub fn set_message(&self, what: &str) {
        if self.wanted {
            self.bar().set_message(Printable(what).to_string());
        }
    }

    /// Makes room for whatever is printed next.
    pub fn clear(&self) {
        self.bar().finish_and_clear();
    }

    fn began(&self) -> Instant {
        *self.began.get_or_init(Instant::now)
    }

    fn bar(&self) -> MutexGuard<'_, ProgressBar> {
        // A bar draws the same whoever panicked.
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn style(&self, work: Work) -> ProgressStyle {
        let template = match work {
            Work::ReadingTarballs => {
                "reading [{bar:30}] {human_pos} of {human_len} tarballs, {speed}, {eta} left"
            }
            Work::SealingResources => {
                "signing [{bar:30}] {human_pos} of {human_len} resources, {eta} left"
            }
            Work::Pushing => "pushing [{bar:30}] {human_pos} of {human_len} files, {eta} left",
            Work::Mirroring => {
                "[{bar:12}] {human_pos} of {human_len} packages, {came}, {speed}, {eta} left {wide_msg}"
            }
        };
        let (bytes, began) = (Arc::clone(&self.bytes), self.began());
        let speed = move |_: &ProgressState, line: &mut dyn Write| {
            let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let bytes = bytes.load(Ordering::Relaxed).saturating_mul(1_000);
            let a_second = bytes.checked_div(milliseconds).unwrap_or_default();
            // A line that cannot be written to is not drawn either.
            let _ = write!(line, "{}/s", HumanBytes(a_second));
        };
        let bytes = Arc::clone(&self.bytes);
        let came = move |_: &ProgressState, line: &mut dyn Write| {
            let _ = write!(line, "{}", HumanBytes(bytes.load(Ordering::Relaxed)));
        };
        let style = ProgressStyle::with_template(template);
        // The templates are right, as the tests draw them; without one the bar has no words.
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        style.with_key("speed", speed).with_key("came", came).progress_chars("=> ")
    }
}
