#include <fstream>
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
}

}  // namespace
