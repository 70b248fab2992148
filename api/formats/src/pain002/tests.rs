//! The report against the order of elements that both versions of the message have.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;

/// Elements in the order in which `pain.002.001.03` and `.10` have them below each other; what is not
/// written here is left out. `+`: may come again; `!`: has to be there.
const SHAPE: [(&str, &[&str]); 9] = [
    ("CstmrPmtStsRpt", &["GrpHdr!", "OrgnlGrpInfAndSts!", "OrgnlPmtInfAndSts+"]),
    ("GrpHdr", &["MsgId!", "CreDtTm!"]),
    (
        "OrgnlGrpInfAndSts",
        &[
            "OrgnlMsgId!",
            "OrgnlMsgNmId!",
            "OrgnlNbOfTxs",
            "OrgnlCtrlSum",
            "GrpSts",
            "StsRsnInf+",
            "NbOfTxsPerSts+",
        ],
    ),
    ("NbOfTxsPerSts", &["DtldNbOfTxs!", "DtldSts!"]),
    ("OrgnlPmtInfAndSts", &["OrgnlPmtInfId!", "TxInfAndSts+"]),
    ("TxInfAndSts", &["OrgnlInstrId", "OrgnlEndToEndId", "OrgnlUETR", "TxSts", "StsRsnInf+"]),
    ("StsRsnInf", &["Rsn", "AddtlInf+"]),
    ("Rsn", &["Cd!"]),
    ("Document", &["CstmrPmtStsRpt!"]),
];

/// An element: its name, what is below it, and its text.
#[derive(Debug, Default)]
struct Element {
    name: String,
    children: Vec<Element>,
    text: String,
}

fn parse(xml: &str) -> Element {
    let mut reader = Reader::from_str(xml);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                let name = String::from_utf8_lossy(tag.local_name().as_ref().as_ref()).into_owned();
                open.push(Element { name, ..Element::default() });
            }
            Event::End(_) => {
                let element = open.pop().unwrap();
                open.last_mut().unwrap().children.push(element);
            }
            Event::Text(text) => open.last_mut().unwrap().text.push_str(text.into_inner().trim()),
            Event::GeneralRef(_) => open.last_mut().unwrap().text.push('&'),
            Event::Eof => return open.pop().unwrap().children.pop().unwrap(),
            _ => (),
        }
    }
}

fn check(element: &Element) {
    let Some((_, shape)) = SHAPE.iter().find(|(name, _)| *name == element.name) else {
        assert!(element.children.is_empty(), "{element:?}");
        assert!(!element.text.is_empty(), "{} is empty", element.name);
        let most = match element.name.as_str() {
            "AddtlInf" => INFORMATION_CHARS_MAX,
            "Cd" | "TxSts" | "GrpSts" | "DtldSts" => 4,
            "OrgnlUETR" => 36,
            _ => ID_CHARS_MAX,
        };
        assert!(element.text.chars().count() <= most, "{element:?}");
        return;
    };
    let mut at = 0;
    for child in &element.children {
        let found = shape.iter().skip(at).position(|name| name.trim_end_matches(['+', '!']) == child.name);
        let place =
            at + found.unwrap_or_else(|| panic!("{} is out of place in {}", child.name, element.name));
        assert!(shape[at..place].iter().all(|passed| !passed.ends_with('!')), "{element:?}");
        at = place + usize::from(!shape[place].ends_with('+'));
        check(child);
    }
    assert!(shape[at.min(shape.len())..].iter().all(|left| !left.ends_with('!')), "{element:?}");
}

fn report(name: &str, payments: &[PaymentStatus]) -> String {
    let original = Original {
        report_id: "import-7-20260131".to_owned(),
        created_at: "2026-01-31T10:00:00Z".to_owned(),
        message: Message {
            id: Some("M & <1>".to_owned()),
            name: Some(name.to_owned()),
            payments: Some(3),
            control_sum: Some("1300.05".to_owned()),
        },
        status: Status::Partly,
        reason: Some(("NARR", "because".to_owned())),
        payments: vec![(Status::Settled, 1), (Status::Pending, 0), (Status::Rejected, 2)],
    };
    let mut report = Report::start(Vec::new(), &original).unwrap();
    payments.iter().for_each(|payment| report.payment(payment).unwrap());
    String::from_utf8(report.finish().unwrap()).unwrap()
}

fn payment(information: &str, end_to_end: &str, status: Status, reason: Option<Reason>) -> PaymentStatus {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let (payment_information, end_to_end) = (some(information), some(end_to_end));
    let uetr = some("8A562C67-CA16-48BA-B074-65581BE6F001");
    let ids = PaymentIds { payment_information, instruction: some("I\u{1}1"), end_to_end, uetr };
    PaymentStatus { ids, status, reason }
}

#[test]
fn a_report_has_the_shape_of_its_version() {
    let long = "No account: \u{0}<DE & co>; ".repeat(20);
    let payments = [
        payment("P-1", "E-1", Status::Settled, None),
        payment("P-1", &"E".repeat(40), Status::Rejected, Some((rejection_code("account_not_found"), long))),
        payment("P-2", "", Status::Rejected, Some((refusal_code("InstdAmt"), "is 0".to_owned()))),
        payment("", "", Status::Settled, None),
    ];
    let uetr = "<OrgnlUETR>8a562c67-ca16-48ba-b074-65581be6f001</OrgnlUETR>";
    for (name, version) in [
        ("pain.001.001.03", "pain.002.001.03"),
        ("pain.001.001.09", "pain.002.001.10"),
        ("pain.001.001.11", "pain.002.001.10"),
    ] {
        let xml = report(name, &payments);
        assert!(xml.contains(&format!("xsd:{version}\"")), "{xml}");
        let document = parse(&xml);
        check(&document);
        let informations: Vec<_> = document.children[0].children[2..]
            .iter()
            .map(|information| information.children.len() - 1)
            .collect();
        assert_eq!(informations, [2, 1, 1], "{xml}");
        // Only the newer one has a place for it.
        assert_eq!(xml.contains(uetr), version.ends_with("10"), "{xml}");
        assert!(xml.replace(uetr, "").contains("E-1</OrgnlEndToEndId><TxSts>ACSC</TxSts>"), "{xml}");
        for part in [
            "<OrgnlMsgId>M &amp; &lt;1&gt;</OrgnlMsgId>",
            "<GrpSts>PART</GrpSts><StsRsnInf><Rsn><Cd>NARR</Cd></Rsn><AddtlInf>because</AddtlInf></StsRsnInf>",
            "<NbOfTxsPerSts><DtldNbOfTxs>2</DtldNbOfTxs><DtldSts>RJCT</DtldSts></NbOfTxsPerSts></OrgnlGrpInfAndSts>",
            "<OrgnlInstrId>I1</OrgnlInstrId><OrgnlEndToEndId>E-1</OrgnlEndToEndId>",
            "<Cd>AC01</Cd>",
            "<Cd>AM12</Cd>",
            "<OrgnlPmtInfId>NOTPROVIDED</OrgnlPmtInfId>",
        ] {
            assert!(xml.contains(part), "{part}: {xml}");
        }
        assert!(!xml.contains("PDNG") && !xml.contains(|c: char| c.is_control() && c != '\n'), "{xml}");
    }
    check(&parse(&report("", &[])));
}
