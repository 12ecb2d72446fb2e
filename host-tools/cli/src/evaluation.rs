//! How well a network tells test pictures apart, as a report shows it.

use crate::report::{table, thousands};
use comfy_table::Table;
use thumbnet_train::metrics::{ClassMetrics, Metrics};

/// Accuracy, precision and recall of each class, and the confusion matrix.
pub(crate) fn print(metrics: &Metrics) {
    println!("{}\n", classes(metrics));
    println!("{}\n", confusion(metrics));
    println!(
        "test accuracy {:.2} % of {} pictures",
        metrics.accuracy * 100.0,
        thousands(metrics.pictures as u64)
    );
}

fn classes(metrics: &Metrics) -> Table {
    let percent =
        |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1}", share * 100.0));
    let row = |class: &ClassMetrics| {
        let ClassMetrics { name, pictures, precision, recall, f1 } = class;
        vec![
            name.clone(),
            thousands(*pictures as u64),
            percent(*precision),
            percent(*recall),
            percent(*f1),
        ]
    };
    let headers = ["class", "pictures", "precision %", "recall %", "F1 %"];
    table(&headers, &[1, 2, 3, 4], metrics.classes.iter().map(row).collect())
}

/// Rows are what a picture is, columns what it was taken for, numbered as the rows are.
fn confusion(metrics: &Metrics) -> Table {
    let numbers: Vec<String> = (0..metrics.classes.len()).map(|class| class.to_string()).collect();
    let mut headers = vec!["taken for"];
    headers.extend(numbers.iter().map(String::as_str));
    let rows = metrics.confusion.iter().zip(&metrics.classes).enumerate();
    let rows = rows.map(|(number, (counts, class))| {
        let mut row = vec![format!("{number} {}", class.name)];
        row.extend(
            counts.iter().map(|count| if *count == 0 { ".".to_owned() } else { count.to_string() }),
        );
        row
    });
    let columns: Vec<usize> = (1..headers.len()).collect();
    table(&headers, &columns, rows.collect())
}
