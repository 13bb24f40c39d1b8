//! Opens pages from disk in a real browser: Chromium without special permissions.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headless_chrome::browser::default_executable;
use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Input, Network, Page};
use headless_chrome::{Browser, LaunchOptions, Tab};
use serde_json::Value;

use crate::skip::skip;

/// Environment variable that makes tests fail if there is no browser.
const REQUIRED: &str = "MCDROP_BROWSER";

/// An open page.
pub(crate) struct Window {
    tab: Arc<Tab>,
    /// Errors, warnings and exceptions on the page.
    problems: Arc<Mutex<Vec<String>>>,
    /// Addresses that the page requested.
    requests: Arc<Mutex<Vec<String>>>,
    browser: Browser,
}

/// Returns whether there is a browser; if not, the calling test counts as skipped.
///
/// # Panics
/// Panics if there is none and `MCDROP_BROWSER` is set.
pub(crate) fn is_there() -> bool {
    let Err(error) = default_executable() else { return true };
    let is_required = std::env::var_os(REQUIRED).is_some();
    assert!(!is_required, "{REQUIRED} is set, and there is no browser: {error}");
    skip("needs Chromium");
    false
}

impl Window {
    /// Opens a file in a window of the given size.
    pub(crate) fn open(file: &Path, (width, height): (u32, u32)) -> Self {
        let options = LaunchOptions::default_builder()
            .path(Some(default_executable().unwrap()))
            .sandbox(false)
            .window_size(Some((width, height)))
            .idle_browser_timeout(Duration::from_mins(10))
            .build()
            .unwrap();
        let browser = Browser::new(options).unwrap();
        let tab = browser.new_tab().unwrap();
        tab.set_default_timeout(Duration::from_mins(5));
        let problems = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (ours, asked) = (Arc::clone(&problems), Arc::clone(&requests));
        let listen = move |event: &Event| match event {
            Event::LogEntryAdded(entry) => {
                ours.lock().unwrap().push(entry.params.entry.text.clone());
            }
            Event::RuntimeExceptionThrown(thrown) => {
                ours.lock()
                    .unwrap()
                    .push(format!("{:?}", thrown.params.exception_details));
            }
            Event::RuntimeConsoleAPICalled(call) => {
                ours.lock().unwrap().push(format!("{:?}", call.params.args));
            }
            Event::NetworkRequestWillBeSent(sent) => {
                asked.lock().unwrap().push(sent.params.request.url.clone());
            }
            _ => {}
        };
        tab.add_event_listener(Arc::new(listen)).unwrap();
        tab.enable_log().unwrap().enable_runtime().unwrap();
        tab.call_method(Network::Enable {
            max_total_buffer_size: None,
            max_resource_buffer_size: None,
            max_post_data_size: None,
            report_direct_socket_traffic: None,
            enable_durable_messages: None,
        })
        .unwrap();
        let source = "document.addEventListener('load', (event) => { \
                      if (event.target.matches?.('#gallery img')) \
                      window.firstPicture ??= performance.now(); }, true)";
        tab.call_method(Page::AddScriptToEvaluateOnNewDocument {
            source: source.to_owned(),
            world_name: None,
            include_command_line_api: None,
            run_immediately: None,
        })
        .unwrap();
        let window = Self { tab, problems, requests, browser };
        window.resize((width, height), false);
        window.go(&address(file));
        window
    }

    /// Opens an address and waits until the page reports that it is ready.
    pub(crate) fn go(&self, address: &str) {
        self.tab.navigate_to(address).unwrap().wait_until_navigated().unwrap();
        self.wait("document.documentElement.dataset.ready === 'true'");
    }

    pub(crate) fn resize(&self, (width, height): (u32, u32), mobile: bool) {
        self.tab
            .call_method(Emulation::SetDeviceMetricsOverride {
                width,
                height,
                device_scale_factor: if mobile { 2.0 } else { 1.0 },
                mobile,
                scale: None,
                screen_width: None,
                screen_height: None,
                position_x: None,
                position_y: None,
                dont_set_visible_size: None,
                screen_orientation: None,
                viewport: None,
                display_feature: None,
                device_posture: None,
            })
            .unwrap();
    }

    /// Sets the dark or light color scheme.
    pub(crate) fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" }.to_owned();
        let name = "prefers-color-scheme".to_owned();
        let features = Some(vec![Emulation::MediaFeature { name, value }]);
        self.tab
            .call_method(Emulation::SetEmulatedMedia { media: None, features })
            .unwrap();
    }

    /// Returns the value of an expression, after waiting for it if it is a promise.
    pub(crate) fn ask(&self, expression: &str) -> Value {
        let wrapped =
            format!("(async () => JSON.stringify((await ({expression})) ?? null))()");
        let answer = self.tab.evaluate(&wrapped, true).unwrap();
        match answer.value {
            Some(Value::String(json)) => serde_json::from_str(&json).unwrap(),
            other => panic!("{expression}: {other:?}"),
        }
    }

    /// Returns the text of an element.
    pub(crate) fn text(&self, selector: &str) -> String {
        let text = self
            .ask(&format!("document.querySelector({selector:?})?.textContent ?? null"));
        text.as_str()
            .unwrap_or_else(|| panic!("there is no {selector}"))
            .trim()
            .to_owned()
    }

    /// Waits until an expression is true.
    pub(crate) fn wait(&self, expression: &str) {
        let start = Instant::now();
        while self.ask(&format!("Boolean({expression})")) != Value::Bool(true) {
            assert!(start.elapsed() < Duration::from_mins(5), "never: {expression}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Runs a statement.
    pub(crate) fn run(&self, statement: &str) {
        self.ask(&format!("(() => {{ {statement}; return null }})()"));
    }

    pub(crate) fn click(&self, selector: &str) {
        self.tab.wait_for_element(selector).unwrap().click().unwrap();
    }

    pub(crate) fn key(&self, key: &str) {
        self.tab.press_key(key).unwrap();
    }

    pub(crate) fn type_text(&self, text: &str) {
        self.tab.type_str(text).unwrap();
    }

    /// Moves the mouse to a position in pixels of the window.
    pub(crate) fn point(&self, (x, y): (f64, f64)) {
        self.tab
            .call_method(Input::DispatchMouseEvent {
                Type: Input::DispatchMouseEventTypeOption::MouseMoved,
                x,
                y,
                modifiers: None,
                timestamp: None,
                button: None,
                buttons: None,
                click_count: None,
                force: None,
                tangential_pressure: None,
                tilt_x: None,
                tilt_y: None,
                twist: None,
                delta_x: None,
                delta_y: None,
                pointer_Type: None,
            })
            .unwrap();
    }

    pub(crate) fn screenshot(&self) -> Vec<u8> {
        // Images that are decoded late are shown after two frames.
        self.ask(
            "new Promise((done) => requestAnimationFrame(() => setTimeout(done, 150)))",
        );
        let format = Page::CaptureScreenshotFormatOption::Png;
        self.tab.capture_screenshot(format, None, None, true).unwrap()
    }

    /// Returns every address that the page requested.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the problems since the last call.
    pub(crate) fn problems(&self) -> Vec<String> {
        std::mem::take(&mut *self.problems.lock().unwrap())
    }

    /// Returns the memory in MB of the processes of the page, without what they share with others.
    pub(crate) fn megabytes(&self) -> f64 {
        let parent = self.browser.get_process_id().unwrap();
        let renderers = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let path = entry.ok()?.path();
            let line = std::fs::read(path.join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            (line.contains("--type=renderer") && descends(&path, parent)).then_some(path)
        });
        let proportional = |path: std::path::PathBuf| {
            let text = std::fs::read_to_string(path.join("smaps_rollup")).ok()?;
            let line = text.lines().find(|line| line.starts_with("Pss:"))?.to_owned();
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        };
        renderers.filter_map(proportional).sum::<f64>() / 1000.0
    }
}

/// Returns whether a process is a descendant of another one.
fn descends(process: &Path, ancestor: u32) -> bool {
    let mut path = process.to_owned();
    for _ in 0..8 {
        let Ok(stat) = std::fs::read_to_string(path.join("stat")) else { return false };
        let parent =
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        let Some(parent) = parent.and_then(|parent| parent.parse::<u32>().ok()) else {
            return false;
        };
        if parent == ancestor {
            return true;
        }
        path = Path::new("/proc").join(parent.to_string());
    }
    false
}

/// Returns the address of a file.
pub(crate) fn address(file: &Path) -> String {
    let path = std::path::absolute(file).unwrap();
    let mut address = "file://".to_owned();
    for part in path.to_str().unwrap().split('/').skip(1) {
        address.push('/');
        for byte in part.bytes() {
            let plain = byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
            if plain {
                address.push(byte as char);
            } else {
                let _ = write!(address, "%{byte:02X}");
            }
        }
    }
    address
}
