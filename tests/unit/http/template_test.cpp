#include <fstream>
#include <initializer_list>
#include <string>
#include <system_error>

#include <gtest/gtest.h>

#include <verdin/http/template.hpp>

namespace {

using verdin::http::Template;
using verdin::http::TemplateError;
using verdin::json::Value;

constexpr const char* kHostile = "<script>alert(\"1\")</script>' onclick=x javascript:y &amp;";
constexpr const char* kHostileEscaped =
    "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39; onclick=x javascript:y &amp;amp;";

std::string with(const std::string& text, const char* value) { return Template(text).render({{"x", value}}); }

/// Why it is refused; empty if it is not.
std::string refusal(const std::string& text) {
  try {
    const Template page(text);
    return {};
  } catch (const TemplateError& error) {
    return error.what();
  }
}

TEST(HttpTemplate, EscapesInTextAndInQuotedAttributes) {
  for (const std::string open :
       {"", "<p>", "<p title=\"", "<p title='", "<title>", "<textarea>a", "<p a=b c = \"", "<br/><img alt=\"",
        "<script>if (a < b) \"</scrip\";</script>", "<!-- c --><p>", "<!doctype html><P DATA-X=\"",
        "a < b <p>", "<svg/><a title=\""}) {
    const std::string close = open.ends_with('"')                  ? "\">"
                              : open.ends_with('\'')               ? "'>"
                              : open == "<title>"                  ? "</title>"
                              : open.find("textarea") != open.npos ? "</TEXTAREA >"
                                                                   : "";
    EXPECT_EQ(with(open + "{{ x }}" + close, kHostile), open + kHostileEscaped + close);
  }
  EXPECT_EQ(with("<p>{{{x}}}</p>", "<b>"), "<p><b></p>");
  EXPECT_EQ(with("{{! no }}a{{missing}}b", ""), "ab");
  EXPECT_EQ(with("", "x"), "");
  EXPECT_EQ(Template().render({}), "");
}

TEST(HttpTemplate, KnowsUrls) {
  for (const char* safe :
       {"/a?b=c", "https://example.org/", "HTTP://e", "mailto:a@b", "tel:1", "#x", "a/b:c", "?q=a:b", ""}) {
    EXPECT_EQ(with("<a href=\"{{x}}\">", safe), std::string("<a href=\"") + safe + "\">");
  }
  for (const char* unsafe : {"javascript:alert(1)", " javascript:x", "JaVaScRiPt:x", "java\nscript:x",
                             "\x01javascript:x", "data:text/html,x", "vbscript:x", ":x", "blob:x"}) {
    EXPECT_EQ(with("<a href=' {{x}}'>", unsafe), "<a href=' #'>") << unsafe;
    EXPECT_EQ(with("<form action=\"{{x}}\">", unsafe), "<form action=\"#\">") << unsafe;
    EXPECT_EQ(with("<img src=\"{{x}}\">", unsafe), "<img src=\"#\">") << unsafe;
  }
  EXPECT_EQ(with("<a href=\"/n/{{x}}?q={{x}}\">", "a/b c&\"é:"),
            "<a href=\"/n/a%2Fb%20c%26%22%C3%A9%3A?q=a%2Fb%20c%26%22%C3%A9%3A\">");
  EXPECT_EQ(with("<a href=\"{{x}}{{x}}\">", "java"), "<a href=\"javajava\">");
  EXPECT_EQ(with("<a href=\"{{x}}{{x}}\">", "a:"), "<a href=\"#a%3A\">");
  EXPECT_EQ(with("<a href=\"https://e/{{x}}\">", "1"), "<a href=\"https://e/1\">");
  EXPECT_EQ(with("<a title=\"{{x}}\" href=\"/\">", "javascript:"), "<a title=\"javascript:\" href=\"/\">");
}

TEST(HttpTemplate, RefusesHolesWhereNothingIsSafe) {
  for (const char* text : {"<script>{{x}}</script>",
                           "<script>let a = '{{x}}'",
                           "<style>{{x}}</style>",
                           "<STYLE >{{x}}",
                           "<!-- {{x}} -->",
                           "<!--> <script>{{x}}</script>",
                           "<p onclick=\"{{x}}\">",
                           "<p ONLOAD='f({{x}})'>",
                           "<p style=\"color: {{x}}\">",
                           "<iframe srcdoc=\"{{x}}\">",
                           "<p title={{x}}>",
                           "<p title=a{{x}}>",
                           "<p {{x}}>",
                           "<p {{x}}=\"a\">",
                           "<p a{{x}}=\"\">",
                           "<{{x}}>",
                           "<a{{x}}>",
                           "</{{x}}>",
                           "</p {{x}}>",
                           "<!{{x}}>",
                           "<script src=\"{{x}}\"></script>",
                           "<iframe src=\"{{x}}\"></iframe>",
                           "<base href=\"{{x}}\">",
                           "<link rel=\"stylesheet\" href=\"{{x}}\">",
                           "<object data='{{x}}'></object>",
                           "<a href=\"javascript:f({{x}})\">",
                           "<a href=\"java&#115;cript:{{x}}\">",
                           "<a href=\"data:{{x}}\">",
                           "<a href=\":{{x}}\">",
                           "<animate to=\"{{x}}\">",
                           "<p title=\"{{{x}}}\">",
                           "<title>{{{x}}}</title>",
                           "<title></ti{{x}}",
                           "<p title=\"a\"{{x}}>",
                           "<script></script <b>{{x}}",
                           "<script></scripts>{{x}}</script>",
                           "<xmp>{{x}}",
                           "<plaintext>{{x}}"}) {
    EXPECT_NE(refusal(text), "") << text;
    EXPECT_EQ(refusal(std::string(text) + " ").find("1:"), 0u) << text;
  }
}

TEST(HttpTemplate, RefusesWhatIsMalformed) {
  for (const char* text : {"{{",
                           "{{x",
                           "{{x}",
                           "{{{x}}",
                           "{{}}",
                           "{{ }}",
                           "{{a b}}",
                           "{{a..b}}",
                           "{{.a}}",
                           "{{a.}}",
                           "{{>x}}",
                           "{{=<% %>=}}",
                           "{{&x}}",
                           "{{#x}}",
                           "{{/x}}",
                           "{{#x}}{{/y}}",
                           "{{#x}}{{^y}}{{/x}}{{/y}}",
                           "{{#}}{{/}}",
                           "<p",
                           "<p title=\"",
                           "<script>",
                           "<title>",
                           "<!-- ",
                           "</>",
                           "<p \"a\">",
                           "<p =a>",
                           "<p a=>",
                           "<p a=\"b\"c>",
                           "<p <b>",
                           "<?xml?>",
                           "<p a=b\"c>",
                           "<title/>"}) {
    EXPECT_NE(refusal(text), "") << text;
  }
}

TEST(HttpTemplate, SaysWhere) {
  try {
    const Template page("<p>\n  <b>\n  {{#ones}}\n    {{what is this}}");
    FAIL();
  } catch (const TemplateError& error) {
    EXPECT_EQ(error.line, 4u);
    EXPECT_EQ(error.column, 5u);
    EXPECT_STREQ(error.what(), "4:5: a name has letters, digits, \"_\" and \"-\"");
  }
  EXPECT_EQ(refusal("\n<p\n title={{x}}>"), "3:8: quote the attribute's value");
  EXPECT_EQ(refusal("{{#a}}\n{{#b}}\n"), "2:4: the section \"b\" has no end");
  EXPECT_EQ(refusal("{{#a}}{{/b}}"), "1:7: this section is called \"a\"");

  const std::string name = testing::TempDir() + "verdin_template.html";
  std::ofstream(name) << "<p>{{x}}</p>\n";
  EXPECT_EQ(Template::load(name).render({{"x", "&"}}), "<p>&amp;</p>\n");
  std::ofstream(name) << "<p>{{";
  try {
    Template::load(name);
    FAIL();
  } catch (const TemplateError& error) {
    EXPECT_EQ(error.what(), name + ":1:4: \"{{\" without \"}}\"");
  }
  EXPECT_THROW(Template::load(name + ".none"), std::system_error);
}

TEST(HttpTemplate, SectionsRepeatAndChoose) {
  const Template list(
      "{{#notes}}<li>{{text}}, {{author.name}} of {{site}}</li>{{/notes}}{{^notes}}none{{/notes}}");
  const Value note = Value::object({{"text", "<1>"}, {"author", Value::object({{"name", "Ann"}})}});
  const Value other = Value::object({{"text", 2}, {"author", nullptr}, {"site", "there"}});
  EXPECT_EQ(list.render(Value::object({{"site", "here"}, {"notes", Value::array({note, other})}})),
            "<li>&lt;1&gt;, Ann of here</li><li>2,  of there</li>");
  EXPECT_EQ(list.render(Value::object({{"notes", Value::array()}})), "none");
  EXPECT_EQ(list.render(Value()), "none");
  EXPECT_EQ(Template("{{#rows}}<tr>{{#.}}<td>{{.}}{{/.}}{{/rows}}")
                .render(Value::object(
                    {{"rows", Value::array({Value::array({1, 2.5, true}), Value::array({nullptr, "é"})})}})),
            "<tr><td>1<td>2.5<td>true<tr><td><td>é");
  const Template choice("{{#a}}yes{{/a}}{{^a}}no{{/a}}");
  for (const Value& there : {Value(true), Value(0), Value("x"), Value::object(), Value::array({nullptr})}) {
    EXPECT_EQ(choice.render(Value::object({{"a", there}})), "yes") << there.to_text();
  }
  for (const Value& missing : {Value(false), Value(""), Value(nullptr), Value::array()}) {
    EXPECT_EQ(choice.render(Value::object({{"a", missing}})), "no") << missing.to_text();
  }
  EXPECT_EQ(choice.render({{"a", "1"}}), "yes");
  EXPECT_EQ(choice.render({{"a", ""}}), "no");
  EXPECT_EQ(
      Template("{{a}}{{b}}{{c}}").render(Value::object({{"a", Value::array({1})}, {"b", Value::object()}})),
      "");
}

TEST(HttpTemplate, SectionsEndInThePlaceWhereTheyBegan) {
  EXPECT_EQ(with("<option{{#x}} selected{{/x}}>a</option>", "1"), "<option selected>a</option>");
  EXPECT_EQ(with("<p {{#x}}title=\"{{x}}\" {{/x}}class=\"a{{#x}} b{{/x}}\">", "<"),
            "<p title=\"&lt;\" class=\"a b\">");
  EXPECT_EQ(with("<p{{#x}} hidden{{/x}}{{^x}} lang='a'{{/x}} class=a>", ""), "<p lang='a' class=a>");
  for (const char* text :
       {"{{#x}}<p title=\"{{/x}}\">", "<p title=\"{{#x}}\">{{/x}}", "<p title=\"{{#x}}\" class=\"{{/x}}\">",
        "{{#x}}<script>{{/x}}</script>", "<scr{{#x}}ipt{{/x}}>", "<script>{{#x}}1{{/x}}</script>",
        "<p a{{#x}}b{{/x}}>", "<p {{#x}}a{{/x}}b>", "<option{{#x}} selected {{/x}}b>",
        "<p {{#x}}a{{/x}}=\"b\">", "<p a={{#x}}b{{/x}}>", "<!-- {{#x}}--{{/x}}>",
        "<p a='{{#x}}' b=\"{{/x}}\">", "<title>{{#x}}</title><textarea>{{/x}}</textarea>",
        "</p{{#x}} {{/x}}>", "<a href=\"{{#x}}https:{{/x}}javascript:{{x}}\">",
        "<a href=\"{{#x}}a/{{/x}}javascript:{{x}}\">"}) {
    EXPECT_NE(refusal(text), "") << text;
  }
}

Value words(std::initializer_list<const char*> list) {
  Value::Array all;
  for (const char* word : list) all.emplace_back(word);
  return Value(std::move(all));
}

TEST(HttpTemplate, SectionsAreSafeAnyNumberOfTimes) {
  for (const char* text : {
           "<a href=\"{{#l}}{{.}}:{{/l}}\">",
           "<a href=\"{{#l}}{{.}}{{#sep}}:{{/sep}}{{/l}}\">",
           "<a href=\"{{#l}}{{.}}&colon;{{/l}}\">",
           "<a href=\"{{#l}}javascript:{{/l}}{{x}}\">",
           "<a href=\"{{#l}}a{{/l}}:{{x}}\">",
           "<a href=\"ht{{#l}}tp:{{/l}}{{x}}\">",
           "<a href=\"{{x}}:alert(1)\">",
           "<a href=\"a{{x}}:alert(1)\">",
           // From one value into another.
           "<a href=\"javascript:{{#l}}\"></a><a href=\"{{/l}}{{x}}\">",
           "<a href=\"javascript:{{#l}}x\"></a><a href=\"{{/l}}{{x}}\">",
           "<a href=\"{{#l}}\" href=\"{{/l}}\">",
           // A name of two rounds: onclick, script.
           "<p {{#l}}click=\"{{x}}\" on{{/l}}>",
           "<p {{#l}}{{#k}}click=\"{{x}}\" {{/k}}{{#m}}on{{/m}}{{/l}}>",
           "<s {{#l}}cript></s><s{{/l}}>{{x}}</s>",
       }) {
    EXPECT_NE(refusal(text), "") << text;
  }
  for (const char* text : {"<p title=\"{{#l}}{{.}}: {{/l}}\">", "<a href=\"{{#l}}{{.}}/{{/l}}{{x}}\">",
                           "<a href=\"{{#s}}https://{{/s}}{{^s}}http://{{/s}}{{x}}/\">",
                           "<a href=\"{{#x}}{{x}}{{/x}}{{^x}}/{{/x}}\">", "<option {{#x}}selected{{/x}}>",
                           "<p {{#x}}title=\"a\"{{/x}}>", "<p{{#x}} title=\"a\" hidden{{/x}}>"}) {
    EXPECT_EQ(refusal(text), "") << text;
  }
}

TEST(HttpTemplate, WhatIsRunComesFromWhereTheTemplateSays) {
  for (const char* url :
       {"/{{x}}", "/{{x}}/{{x}}/app.js", "//{{x}}", "https://{{x}}/", "https://e{{x}}/", "https:{{x}}",
        "https:/{{x}}", "//e{{x}}", "/&#47;e/{{x}}", "\\{{x}}", "/ {{x}}", "{{#l}}/{{/l}}{{x}}",
        "{{#l}}/{{.}}{{/l}}/i.html", "{{#l}}/static/{{/l}}{{x}}", "{{#l}}a{{/l}}{{x}}", "a{{#l}}{{x}}{{/l}}",
        "/{{#l}}a{{x}}{{/l}}", "{{^l}}/a/{{/l}}{{x}}"}) {
    EXPECT_NE(refusal(std::string("<script src=\"") + url + "\"></script>"), "") << url;
    EXPECT_NE(refusal(std::string("<link rel=a href=' ") + url + "'>"), "") << url;
  }
  for (const char* url : {"/static/{{x}}", "/app-{{x}}.js", "app-{{x}}.js", "js/{{x}}", "../{{x}}",
                          "?v={{x}}", "#{{x}}", "https://e/{{x}}", "//e/{{x}}", "{{#l}}/a/{{.}}{{/l}}",
                          "/a/{{#l}}{{.}}/{{/l}}{{x}}", "{{#l}}/b{{/l}}/app.js?v={{x}}&amp;w={{x}}"}) {
    EXPECT_EQ(refusal(std::string("<script src=\"") + url + "\"></script>"), "") << url;
  }
}

TEST(HttpTemplate, AnEmptyValueMakesNoHost) {
  const auto url = [](const std::string& text, const Value& data) {
    const std::string page = Template("<a href=\"" + text + "\">").render(data);
    return page.substr(9, page.size() - 11);
  };
  const Value evil = Value::object({{"b", "evil.com"},
                                    {"s", "/"},
                                    {"t", "/ \t"},
                                    {"up", ".."},
                                    {"l", words({"", "evil.com"})},
                                    {"m", words({"/", "/evil.com"})}});
  EXPECT_EQ(url("/{{a}}/{{b}}", evil), "/./evil.com");
  EXPECT_EQ(url(" /{{a}}\t/{{b}}", evil), " /.\t/evil.com");
  EXPECT_EQ(url("/{{a}} {{a}}/{{b}}", evil), "/ ./evil.com");
  EXPECT_EQ(url("\\{{a}}\\{{b}}", evil), "\\.\\evil.com");
  EXPECT_EQ(url("{{s}}/{{b}}", evil), "/./evil.com");
  EXPECT_EQ(url("{{t}}/{{b}}", evil), "/ \t./evil.com");
  EXPECT_EQ(url("{{a}}/{{a}}/{{b}}", evil), "/./evil.com");
  EXPECT_EQ(url("{{#l}}/{{.}}{{/l}}/i", evil), "/./evil.com/i");
  EXPECT_EQ(url("{{#l}}{{.}}/{{/l}}", evil), "/evil.com/");
  EXPECT_EQ(url("{{#m}}{{.}}{{/m}}", evil), "/%2Fevil.com");
  EXPECT_EQ(url("/{{up}}/{{b}}", evil), "/./evil.com");
  EXPECT_EQ(url("/a/{{up}}/{{b}}?q={{up}}", evil), "/a//evil.com?q=..");
  EXPECT_EQ(url("{{b}}{{up}}", evil), "evil.com");
  // Nothing to part.
  EXPECT_EQ(url("/{{b}}/{{b}}/", evil), "/evil.com/evil.com/");
  EXPECT_EQ(url("/a{{a}}/{{b}}", evil), "/a/evil.com");
  EXPECT_EQ(url("/{{! here }}/e/{{b}}", evil), "//e/evil.com");
  EXPECT_EQ(url("/{{a}}", evil), "/");
}

// A browser decodes them before it reads the URL.
TEST(HttpTemplate, ReferencesDoNotDecideWhereAUrlLeads) {
  for (const char* url :
       {// The value is the scheme.
        "{{x}}&colon;alert(1)", "{{x}}&#58;alert(1)", "{{x}}&#x3a;a", "{{x}}&#X003A;a", "{{x}}&#58",
        "{{x}}&#58 a", "{{x}}&#115;cript:alert(1)", "{{x}}&amp;a:b",
        // An empty value, and the next one is a host.
        "/{{x}}&sol;{{x}}", "/{{x}}&#47;{{x}}", "/{{x}}&bsol;{{x}}", "/{{x}}&Tab;/{{x}}",
        "/{{x}}&NewLine;/{{x}}", "/{{x}}&#10;/{{x}}", "/{{x}}&#x9/{{x}}", "/&#32;{{x}}/{{x}}",
        "/{{x}}&#00000000000000047;{{x}}",
        // A path, and no fragment, where ".." would climb.
        "/static&quest;{{x}}/{{x}}.js", "/static&num;{{x}}/{{x}}.js",
        // A value or a section makes the reference.
        "/{{x}}&#4{{x}}{{x}}", "/{{x}}&so{{x}};{{x}}", "/{{x}}&{{x}}", "/{{x}}&#{{#l}}4{{/l}}7;{{x}}",
        // What was refused before.
        "javascript&colon;{{x}}", "javascript&#58;{{x}}", "&#106;avascript:{{x}}", "&Tab;{{x}}"}) {
    EXPECT_NE(refusal(std::string("<a href=\"") + url + "\">"), "") << url;
    EXPECT_NE(refusal(std::string("<a href='") + url + "'>"), "") << url;
  }
  EXPECT_EQ(refusal("<a href=\"/{{x}}&sol;\">"),
            "1:20: write what decides where a URL leads as it is, not as a character reference");
  for (const char* url : {"/a&amp;b/{{x}}", "{{x}}&amp;b=1", "/{{x}}?a=1&amp;b={{x}}&c={{x}}&{{x}}&colon;",
                          "/{{x}}&auml;/{{x}}", "/{{x}}&#228;{{x}}", "/a&b=c/{{x}}", "/{{x}}&#xe4/{{x}}",
                          "/&colonel;{{x}}", "/{{x}}?&#47;{{x}}"}) {
    EXPECT_EQ(refusal(std::string("<a href=\"") + url + "\">"), "") << url;
  }
  // "&#" is no fragment: what climbs is left out behind it, too.
  EXPECT_EQ(with("<script src=\"/static/&#228;/{{x}}/{{x}}.js\"></script>", ".."),
            "<script src=\"/static/&#228;//.js\"></script>");
  EXPECT_EQ(refusal("<p title=\"{{x}}&colon;{{x}}\">{{x}}&colon;{{x}}</p>"), "");
}

// "%2" and a value "e" are a dot, and two of them climb.
TEST(HttpTemplate, NoValueCompletesAPercentEscape) {
  for (const char* url :
       {"/s/%{{x}}", "/s/%2{{x}}%2{{x}}/b", "/s/%2{{x}}", "%{{x}}", "/s/&#37;2{{x}}", "/s/&percnt;2{{x}}",
        "/s/%&#50;{{x}}", "/s/%2{{#l}}e{{/l}}", "/s/%{{#l}}{{x}}{{/l}}", "/s/{{#l}}{{x}}%2{{/l}}"}) {
    EXPECT_NE(refusal(std::string("<a href=\"") + url + "\">"), "") << url;
    EXPECT_NE(refusal(std::string("<script src=\"") + url + "\"></script>"), "") << url;
  }
  EXPECT_EQ(refusal("<a href=\"/%2{{x}}\">"), "1:13: a value in a percent-escape");
  for (const char* url : {"/s/%20{{x}}", "/s/%e4%20{{x}}/b", "/s/100%/{{x}}", "/s/%2/{{x}}", "/s?a=%2{{x}}",
                          "/s/{{#l}}%20{{x}}{{/l}}", "/s/{{x}}%20"}) {
    EXPECT_EQ(refusal(std::string("<a href=\"") + url + "\">"), "") << url;
  }
  EXPECT_EQ(refusal("<p title=\"%2{{x}}\">%2{{x}}</p>"), "");
}

TEST(HttpTemplate, RefusesCommentsInScripts) {
  EXPECT_NE(refusal("<script><!--<script></script>{{x}}--></script>"), "");
  EXPECT_NE(refusal("<script>a <<!-- b</script>"), "");
  EXPECT_EQ(refusal("<script>a <! -- <!- b < !--</script><!-- c --><style><!-- d --></style>"), "");
}

TEST(HttpTemplate, IsBounded) {
  std::string deep;
  for (int i = 0; i < 32; ++i) deep += "{{#a}}";
  std::string ends;
  for (int i = 0; i < 32; ++i) ends += "{{/a}}";
  EXPECT_EQ(refusal(deep + "x" + ends), "");
  EXPECT_NE(refusal("{{#a}}" + deep + "x" + ends + "{{/a}}"), "");
  // Each level is the outermost array again: 4 to the 32nd.
  const Value four = Value::object({{"a", Value::array({1, 2, 3, 4})}});
  EXPECT_THROW(Template(deep + "x" + ends).render(four), std::length_error);
  EXPECT_THROW(Template(deep + ends).render(four), std::length_error);

  // Looking names up takes time as well.
  Value::Object members;
  Value::Array items;
  for (int i = 0; i < 20'000; ++i) {
    members.push_back({"k" + std::to_string(i), 1});
    items.emplace_back(1);
  }
  members.push_back({"items", std::move(items)});
  const Value wide{std::move(members)};
  EXPECT_THROW(Template("{{#items}}{{missing}}{{/items}}").render(wide), std::length_error);
  EXPECT_EQ(Template("{{#items}}{{/items}}{{missing}}").render(wide), "");

  const std::size_t most = std::size_t{64} * 1024 * 1024;
  const std::string large(most, 'a');
  EXPECT_EQ(Template("{{x}}").render({{"x", large}}).size(), most);
  EXPECT_THROW(Template("{{x}}a").render({{"x", large}}), std::length_error);
  EXPECT_THROW(Template("a{{x}}").render({{"x", large}}), std::length_error);
  EXPECT_THROW(Template("a{{{x}}}").render({{"x", large}}), std::length_error);
  EXPECT_THROW(Template("<a href=\"/{{x}}\">").render({{"x", large}}), std::length_error);
  EXPECT_THROW(Template("{{x}}").render({{"x", std::string(most / 2, '&')}}), std::length_error);
}

}  // namespace
