//! The findings as one page that needs nothing beside it.

use super::findings::{Finding, Findings};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;
use thumbnet_data::Loaded;
use thumbnet_data::lint::At;
use thumbnet_data::sheet::picture_png;

/// More pictures of one kind than this are counted, not shown.
const MOST: usize = 500;

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1d2329;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #d5dae0;padding-bottom:.3rem}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.8rem}
figure{margin:0;border:1px solid #d5dae0;border-radius:6px;padding:.6rem;overflow-wrap:anywhere}
img{height:84px;image-rendering:pixelated;margin-right:.4rem;border:1px solid #e8ebee}
figcaption{font-size:.82rem;color:#414b55}b{color:#1d2329}li{margin:.2rem 0}";

/// The page.
pub(super) fn html(loaded: &Loaded, findings: &Findings) -> String {
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{name}</title>\n<style>{STYLE}</style>\n\
         <h1>{summary}</h1>\n",
        name = escape(&loaded.dataset.name),
        summary = escape(&loaded.dataset.to_string())
    );
    if !findings.notes.is_empty() {
        let notes: String =
            findings.notes.iter().map(|note| format!("<li>{}</li>\n", escape(note))).collect();
        let _ = write!(text, "<ul>\n{notes}</ul>\n");
    }
    if findings.pictures.is_empty() {
        text.push_str("<p>Nothing suspicious was found.</p>\n");
    }
    for (reason, count) in findings.counts() {
        let _ = write!(text, "<h2>{count} {}</h2>\n<div class=\"grid\">\n", escape(reason.title()));
        let found = findings.pictures.iter().filter(|finding| finding.reason == reason);
        found.take(MOST).for_each(|finding| text.push_str(&figure(loaded, finding)));
        text.push_str("</div>\n");
        if count > MOST {
            let _ = writeln!(text, "<p>… and {} more, all in the list.</p>", count - MOST);
        }
    }
    text + "</html>\n"
}

fn figure(loaded: &Loaded, finding: &Finding) -> String {
    let other = finding.other.map_or(String::new(), |at| image(loaded, at));
    format!(
        "<figure>{}{other}<figcaption><b>{}</b><br>{}<br>{}</figcaption></figure>\n",
        image(loaded, finding.at),
        escape(&finding.label),
        escape(&finding.why),
        escape(&finding.picture)
    )
}

fn image(loaded: &Loaded, at: At) -> String {
    let png = picture_png(at.part.of(&loaded.dataset), at.index);
    format!("<img alt=\"\" src=\"data:image/png;base64,{}\">", STANDARD.encode(png))
}

/// Names of files and classes may hold anything.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn names_cannot_become_tags() {
        assert_eq!(escape("<b>\"&"), "&lt;b&gt;&quot;&amp;");
    }
}
