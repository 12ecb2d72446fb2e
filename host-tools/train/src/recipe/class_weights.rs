//! What a picture of each class counts in the loss.

use crate::error::TrainError;
use serde::{Deserialize, Serialize};

/// What a picture of each class counts: `class_weights = "balanced"`, or a number for each class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "class_weights are \"balanced\" or a list of numbers")]
pub enum ClassWeights {
    /// By a rule.
    Rule(ClassWeightRule),
    /// One weight for each class, in the order of the logits.
    List(Vec<f64>),
}

/// How class weights follow from the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeightRule {
    /// Every class counts the same in all: `pictures / (classes * pictures of the class)`.
    Balanced,
}

impl ClassWeights {
    /// The weight of each class where classes have so many training pictures; those without any weigh 0.
    ///
    /// # Errors
    /// [`TrainError::Field`] if a list has not one positive number a class.
    pub(crate) fn resolve(&self, counts: &[usize]) -> Result<Vec<f64>, TrainError> {
        let wrong = |problem| TrainError::Field { field: "training.class_weights", problem };
        match self {
            Self::Rule(ClassWeightRule::Balanced) => Ok(balanced(counts)),
            Self::List(weights) if weights.len() != counts.len() => {
                let (given, classes) = (weights.len(), counts.len());
                Err(wrong(format!("{given} numbers where there are {classes} classes")))
            }
            Self::List(weights) => {
                match weights.iter().find(|weight| !weight.is_finite() || **weight <= 0.0) {
                    Some(weight) => Err(wrong(format!("{weight} is not a positive number"))),
                    None => Ok(weights.clone()),
                }
            }
        }
    }
}

fn balanced(counts: &[usize]) -> Vec<f64> {
    let present = counts.iter().filter(|count| **count > 0).count();
    let pictures: usize = counts.iter().sum();
    let even = pictures as f64 / present.max(1) as f64;
    counts.iter().map(|&count| if count == 0 { 0.0 } else { even / count as f64 }).collect()
}

#[cfg(test)]
mod tests {
    use super::{ClassWeightRule, ClassWeights};

    #[test]
    fn balanced_classes_count_the_same_in_all() {
        let weights = ClassWeights::Rule(ClassWeightRule::Balanced);
        // 12 pictures of three classes: 4 / 6, 4 / 4, 4 / 2.
        let resolved = weights.resolve(&[6, 4, 0, 2]).expect("a rule fits any data");
        assert_eq!(resolved, [4.0 / 6.0, 1.0, 0.0, 2.0]);
    }

    #[test]
    fn a_list_has_a_positive_number_for_each_class() {
        let resolve = |weights: &[f64]| ClassWeights::List(weights.to_vec()).resolve(&[6, 4]);
        assert_eq!(resolve(&[1.0, 2.5]).expect("two classes"), [1.0, 2.5]);
        let problem = |weights: &[f64]| resolve(weights).expect_err("it does not fit").to_string();
        assert!(problem(&[1.0]).contains("class_weights: 1 numbers where there are 2 classes"));
        assert!(problem(&[1.0, -1.0]).contains("-1 is not a positive number"));
        assert!(problem(&[1.0, f64::NAN]).contains("NaN is not"));
    }
}
