//! The balances of all accounts at one moment: what a trial balance is made of.

use std::time::Duration;

use domain::account::AccountNumber;
use domain::money::Currency;
use tokio::sync::mpsc;

use crate::failure::Failure;

/// How long whoever asked may leave a page untaken: until then it keeps a connection, and the database what has changed since.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an account had at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountBalance {
    /// The account's number.
    pub number: AccountNumber,
    /// The currency that it holds.
    pub currency: Currency,
    /// How many entries it had.
    pub entries: i64,
    /// Their sum, in minor units; a debit is negative.
    pub balance: i64,
}

/// Takes pages of balances.
pub type BalancePages = mpsc::Sender<Vec<AccountBalance>>;

/// Hands a page over; false: nobody wants it any more.
pub(crate) async fn hand_over(pages: &BalancePages, page: Vec<AccountBalance>) -> Result<bool, Failure> {
    match tokio::time::timeout(PATIENCE, pages.send(page)).await {
        Ok(sent) => Ok(sent.is_ok()),
        Err(_) => Err(Failure::Transient(format!("nobody took a page of balances within {PATIENCE:?}"))),
    }
}
